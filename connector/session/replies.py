"""Answers to calls that are no orders: values inside, exceptions outside."""

from __future__ import annotations

from collections.abc import Sequence

from connector.core.outbox import NOT_SENT, RATE_LIMITED
from connector.dialect.wire import Reply, Verdict
from connector.errors import MaybeSent, NotSent, VenueRefused


def raise_unless_done(replies: Sequence[Reply], call: str) -> None:
    """Return if every answer is good.

    Raises NotSent (nothing left), MaybeSent (nobody knows) or VenueRefused.
    """
    for reply in replies:
        if reply.verdict in (Verdict.OK, Verdict.UNCHANGED, Verdict.PROCESSING):
            continue
        text = f"{reply.code} {reply.text}".strip()
        if reply.verdict is Verdict.UNKNOWN:
            raise MaybeSent(f"{call}: outcome unknown: {text}")
        if reply.code in (NOT_SENT, RATE_LIMITED):
            raise NotSent(f"{call}: {reply.text}")
        raise VenueRefused(call, reply.code, reply.text)


def first_error(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error inside; users never see groups."""
    error: BaseException = failures
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
