"""The access token that signed REST calls of some venues carry.

    none --call--> asked for (one question, however many calls wait) --> in force
    in force --four fifths of its life, or refused by the venue--> none

A call whose token could not be had has not left: it is not executed, or it is refused
with what the venue said of the key. The token stays with the signer, like the key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from connector.dialect import Dialect
from connector.dialect.facts import TokenFact
from connector.dialect.wire import HttpAnswer, Reply, Request
from connector.errors import MaybeSent, NotSent, RateLimited
from connector.model.clock import NS_PER_S, Now
from connector.runtime import log
from connector.venues.signing import Signer

_RENEW_AT = (4, 5)

Send = Callable[[Request], Awaitable[HttpAnswer]]


class NoTokenError(Exception):
    """There is no token; *answer* is the venue's, if it refused the key."""

    def __init__(self, why: str, answer: HttpAnswer | None = None) -> None:
        super().__init__(why)
        self.answer = answer


class Access:
    """Keeps the signer's token fresh; *send* limits, signs and sends a question.

    Where the venue signs each call by itself (`VenueFacts.exchange` is None) nothing
    is ever asked.
    """

    def __init__(
        self, dialect: Dialect, signer: Signer, *, send: Send, now: Callable[[], Now]
    ) -> None:
        self._dialect = dialect
        self._signer = signer
        self._send = send
        self._now = now
        self._renew_ns = 0
        self._asking = asyncio.Lock()

    async def ensure(self) -> None:
        """Return with a token in force; raises NoTokenError."""
        request = self._dialect.facts.exchange
        if request is None or self._is_fresh():
            return
        async with self._asking:
            if self._is_fresh():
                return
            try:
                answer = await self._send(request)
            except (NotSent, MaybeSent, RateLimited) as error:
                raise NoTokenError(f"no access token: {error}") from error
            self._take(answer, self._dialect.read_answer(request, answer))

    def forget(self) -> None:
        """The venue does not take it any more."""
        self._signer.token = None

    def _is_fresh(self) -> bool:
        return self._signer.token is not None and self._now().mono_ns < self._renew_ns

    def _take(self, answer: HttpAnswer, reply: Reply) -> None:
        for fact in reply.facts:
            if isinstance(fact, TokenFact):
                part, whole = _RENEW_AT
                life_ns = fact.lifetime_s * NS_PER_S
                self._renew_ns = self._now().mono_ns + life_ns * part // whole
                log.install().watch([fact.token])
                self._signer.token = fact.token
                return
        why = f"no access token: {reply.code} {reply.text}".strip()
        raise NoTokenError(why, answer if reply.is_key_error else None)
