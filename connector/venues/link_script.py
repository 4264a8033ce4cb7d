"""What the conversations of most sockets have in common: no calls beside them.

A venue's script inherits `SocketScript` and says what it does when the socket is
open and when a frame speaks of the connection. `TopicScript` is the usual whole:

    Open -> login (if there is one) -> subscribe -> every ack -> Ready
    every *ping_ns* a ping; one that is not answered by the next is a dead stream
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from connector.dialect.facts import ControlFact, ControlKind
from connector.dialect.wire import (
    Fail,
    Open,
    Ready,
    Reply,
    Request,
    ScriptFailure,
    Send,
    Step,
)
from connector.model.credentials import Secret
from connector.model.limits import FREE, Cost
from connector.model.noun import Noun


class SocketScript:
    """Opens *url*; *connect_cost* is what a handshake costs there."""

    connect_cost: Cost = FREE

    def __init__(self, url: str) -> None:
        self._url = url
        self.next_tick_ns: int | None = None

    def start(self, mono_ns: int) -> tuple[Step, ...]:
        """Open the socket."""
        return (Open(url=Secret(self._url), cost=self.connect_cost),)

    def on_reply(
        self, request: Request, reply: Reply, mono_ns: int
    ) -> tuple[Step, ...]:
        """There are no calls."""
        return ()

    def on_tick(self, mono_ns: int) -> tuple[Step, ...]:
        """Nothing to keep alive."""
        return ()


class Subscription(Noun, frozen=True, kw_only=True):
    """One frame that subscribes; *refs* are the acknowledgements it waits for."""

    text: str
    refs: tuple[str, ...]


class TopicScript(SocketScript):
    """Logs in, subscribes, pings. *login* is what `Dialect.sign_frame` is asked for,
    "" on public sockets; its acknowledgement has *login_ref*."""

    login_ref = "login"
    ping_ns: int | None = None
    """None: nothing is sent to keep the connection alive."""
    ping_text = ""
    login_cost: Cost = FREE
    subscribe_cost: Cost = FREE

    def __init__(
        self, url: str, *, login: str = "", subscriptions: Sequence[Subscription] = ()
    ) -> None:
        super().__init__(url)
        self._login = login
        self._subscriptions = subscriptions
        self._waiting: set[str] = set()
        self._is_pinging = False

    def on_open(self, mono_ns: int) -> tuple[Step, ...]:
        """Log in first, where there is a login."""
        if self.ping_ns is not None:
            self.next_tick_ns = mono_ns + self.ping_ns
        if not self._login:
            return self._subscribe()
        self._waiting = {self.login_ref}
        text = self.login_ref
        return (Send(text=text, sign=self._login, cost=self.login_cost),)

    def on_control(self, fact: ControlFact, mono_ns: int) -> tuple[Step, ...]:
        """Ready with the last acknowledgement."""
        match fact.kind:
            case ControlKind.PONG:
                self._is_pinging = False
            case ControlKind.REFUSED:
                return self.on_refused(fact)
            case ControlKind.SUBSCRIPTION_LOST:
                why = f"{fact.ref}: {fact.text}"
                return (Fail(failure=ScriptFailure.RETRY, why=why),)
            case ControlKind.ACK if fact.ref in self._waiting:
                self._waiting.remove(fact.ref)
                if fact.ref == self.login_ref:
                    return self._subscribe()
                return () if self._waiting else (Ready(),)
        return ()

    def on_refused(self, fact: ControlFact) -> tuple[Step, ...]:
        """A login or a subscription was refused: a venue says which codes are the
        key's fault, everything else is tried again."""
        is_key = self.is_key_refused(fact)
        failure = ScriptFailure.KEY_REFUSED if is_key else ScriptFailure.RETRY
        why = f"{fact.ref} refused: {fact.code} {fact.text}"
        return (Fail(failure=failure, why=why),)

    def is_key_refused(self, fact: ControlFact) -> bool:
        """The refusal speaks of the key: no retry helps."""
        return False

    def on_tick(self, mono_ns: int) -> tuple[Step, ...]:
        """Ping; the last one must have been answered."""
        if self.ping_ns is None:
            return ()
        if self._is_pinging:
            why = "a ping was not answered"
            return (Fail(failure=ScriptFailure.STALLED, why=why),)
        self._is_pinging = True
        self.next_tick_ns = mono_ns + self.ping_ns
        return (Send(text=self.ping_text),)

    def _subscribe(self) -> tuple[Step, ...]:
        if not self._subscriptions:
            return (Ready(),)
        self._waiting = {ref for frame in self._subscriptions for ref in frame.refs}
        return tuple(
            Send(text=frame.text, cost=self.subscribe_cost)
            for frame in self._subscriptions
        )


def chunks(names: Iterable[str], size: int) -> list[tuple[str, list[str]]]:
    """(reference, names) of the frames that subscribe to *names*, each once."""
    unique = list(dict.fromkeys(names))
    return [
        (f"subscribe-{start}", unique[start : start + size])
        for start in range(0, len(unique), size)
    ]
