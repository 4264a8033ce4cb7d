"""Conversations: the private stream, mark prices, order entry.

Private:   Open -> auth -> set_heartbeat, subscribe (private), subscribe (public)
           -> all answered -> Ready
Orders:    Open -> auth -> set_heartbeat -> Ready
Public:    Open -> set_heartbeat, subscribe -> Ready
Always:    test_request -> public/test; at 80 % of the token's life -> renew;
           13009 -> auth again, nothing else is lost

Tokens have connection scope unless the key names a session: they die with the socket
and spend none of the 16 sessions that a key may have. The server may grant less than
was asked for, so the granted scope is compared; it drops channel names that it does
not know, so the list it answers is compared, too. `testnet` in the first answer must
agree with the address: keys and money of one network are nothing in the other.

Source: Deribit API, "Authentication", "Heartbeats", "private/subscribe"; read 2026-11.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from urllib.parse import urlsplit

from connector.dialect.facts import ControlFact, ControlKind
from connector.dialect.wire import (
    Fail,
    Ready,
    ScriptFailure,
    Send,
    Step,
)
from connector.model.clock import NS_PER_S
from connector.model.credentials import Secret
from connector.model.ids import Symbol
from connector.model.limits import Cost
from connector.venues.deribit import classify, sign
from connector.venues.deribit.limits import REQUEST_COST, SUBSCRIBE_COST
from connector.venues.deribit.messages import RENEWAL, SIGN_IN
from connector.venues.link_script import SocketScript, chunks

HEARTBEAT_S = 30
"""Without it a dead peer, and so cancel-on-disconnect, is noticed after 10 minutes."""

RENEW_AT = (4, 5)
"""The part of a token's life after which it is renewed."""

PRIVATE_CHANNELS = ("user.changes.any.any.raw", "user.portfolio.any", "user.lock")
PUBLIC_CHANNELS = ("platform_state", "instrument.state.any.any")
CHANNELS_MAX = 500

LIVE_HOSTS = frozenset(("www.deribit.com", "drb.coinbase.com"))
TEST_HOSTS = frozenset(("test.deribit.com",))

_AS_GOOD = {"account:read": "account:read_write"}
_KEY_CODES = frozenset(str(code) for code in classify.KEY_ERRORS)
_SUBSCRIBED, _WATCHED, _BEATING, _ALIVE = "subscribe", "watch", "beat", "alive"


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketRules:
    """What a venue of this dialect wants of its sockets: the scopes that trading
    needs, those that move money out, and how often something must be said (0: its
    heartbeats do that)."""

    needed: frozenset[str]
    unwanted: frozenset[str]
    keep_alive_s: int = 0


RULES = SocketRules(
    needed=frozenset(("trade:read_write", "account:read")),
    unwanted=frozenset(("wallet:read_write",)),
)


class _Socket(SocketScript):
    """What every conversation with this venue does."""

    def __init__(self, url: str, rules: SocketRules = RULES) -> None:
        super().__init__(url)
        self._rules = rules
        self._waiting: set[str] = set()
        self._numbers = count(1)
        self._dues: dict[str, int] = {}

    def on_tick(self, mono_ns: int) -> tuple[Step, ...]:
        """Say something, renew the token: whatever is due."""
        due = sorted(what for what, at_ns in self._dues.items() if at_ns <= mono_ns)
        steps: list[Step] = []
        for what in due:
            del self._dues[what]
            if what == _ALIVE:
                steps.append(self._still_alive())
                self._keep_alive(mono_ns)
            else:
                steps.append(self._renewed())
        self._plan()
        return tuple(steps)

    def _keep_alive(self, mono_ns: int) -> None:
        """Silence is the end of a socket here; pings of the protocol do not count."""
        if self._rules.keep_alive_s:
            self._plan(_ALIVE, mono_ns + self._rules.keep_alive_s * NS_PER_S)

    def _plan(self, what: str = "", at_ns: int = 0) -> None:
        if what:
            self._dues[what] = at_ns
        self.next_tick_ns = min(self._dues.values(), default=None)

    def _renewed(self) -> Step:
        return _sign_in()

    def _send(
        self,
        ref: str,
        method: str,
        params: sign.Pairs = (),
        cost: Cost = REQUEST_COST,
    ) -> Send:
        self._waiting.add(ref)
        return Send(text=sign.frame(ref, method, params), cost=cost)

    def _subscribe(self, ref: str, area: str, names: Sequence[str]) -> Send:
        channels = (("channels", " ".join(names)),)
        return self._send(ref, f"{area}/subscribe", channels, SUBSCRIBE_COST)

    def _still_alive(self) -> Send:
        """The answer to a test request; nothing waits for the answer to it."""
        return Send(text=sign.frame(f"test-{next(self._numbers)}", "public/test", ()))

    def _heartbeat(self) -> Send:
        return self._send(
            _BEATING, "public/set_heartbeat", (("interval", str(HEARTBEAT_S)),)
        )

    def _answered(
        self, fact: ControlFact, subscribed: dict[str, tuple[str, ...]]
    ) -> tuple[Step, ...]:
        """Ready with the last acknowledgement; a channel that is missing from it
        was dropped."""
        if fact.ref not in self._waiting:
            return ()
        if fact.kind is ControlKind.REFUSED:
            return (_failed(fact, f"{fact.ref} refused"),)
        missing = set(subscribed.get(fact.ref, ())) - set(
            fact.fields.get("channels", "").split()
        )
        if missing:
            why = f"channels not subscribed: {', '.join(sorted(missing))}"
            return (Fail(failure=ScriptFailure.RETRY, why=why),)
        self._waiting.remove(fact.ref)
        return () if self._waiting else (Ready(),)


class SignedSocket(_Socket):
    """Signs in and keeps the token alive; with *subscribes* it is the private
    stream, without it is order entry."""

    def __init__(
        self, url: str, rules: SocketRules = RULES, *, subscribes: bool
    ) -> None:
        super().__init__(url, rules)
        self._subscribes = subscribes
        self._is_signed_in = False
        self._refresh: Secret | None = None

    def on_open(self, mono_ns: int) -> tuple[Step, ...]:
        """Sign in; `sign_frame` knows the key and makes the frame."""
        self._keep_alive(mono_ns)
        return (_sign_in(),)

    def on_control(self, fact: ControlFact, mono_ns: int) -> tuple[Step, ...]:
        """Tokens, acknowledgements, test requests, and the end of a token."""
        if fact.kind is ControlKind.TEST_REQUEST:
            return (self._still_alive(),)
        if fact.kind is ControlKind.KEY_EXPIRED:
            self._refresh = None
            return (_sign_in(),)
        if fact.ref == RENEWAL and fact.kind is ControlKind.REFUSED:
            return (_sign_in(),)
        if fact.ref in (SIGN_IN, RENEWAL):
            return self._on_tokens(fact, mono_ns)
        subscribed = {_SUBSCRIBED: PRIVATE_CHANNELS, _WATCHED: PUBLIC_CHANNELS}
        return self._answered(fact, subscribed)

    def _renewed(self) -> Step:
        """Before the token ends; a renewal that is lost ends in 13009, which signs in
        again, as who has no refresh token does at once."""
        if not self._refresh:
            return _sign_in()
        return Send(text=RENEWAL, sign=RENEWAL, secret=self._refresh, cost=REQUEST_COST)

    def _on_tokens(self, fact: ControlFact, mono_ns: int) -> tuple[Step, ...]:
        if fact.kind is ControlKind.REFUSED:
            return (_failed(fact, "sign-in refused"),)
        trouble = self._trouble(fact)
        if trouble:
            return (Fail(failure=ScriptFailure.KEY_REFUSED, why=trouble),)
        part, whole = RENEW_AT
        life_ns = int(fact.fields["expires_in"]) * NS_PER_S
        self._plan(RENEWAL, mono_ns + life_ns * part // whole)
        self._refresh = fact.secret
        if self._is_signed_in:
            return ()
        self._is_signed_in = True
        return (self._heartbeat(), *self._subscriptions())

    def _subscriptions(self) -> tuple[Send, ...]:
        if not self._subscribes:
            return ()
        return (
            self._subscribe(_SUBSCRIBED, "private", PRIVATE_CHANNELS),
            self._subscribe(_WATCHED, "public", PUBLIC_CHANNELS),
        )

    def _trouble(self, fact: ControlFact) -> str:
        """What speaks against trading with this sign-in, "" if nothing does."""
        host = urlsplit(self._url).hostname or ""
        testnet = fact.fields.get("testnet")
        if host in LIVE_HOSTS and testnet == "true":
            return f"{host} says that it is the test network"
        if host in TEST_HOSTS and testnet == "false":
            return f"{host} says that it is the live network"
        granted = set(fact.fields.get("scope", "").split())
        missing = [
            word
            for word in sorted(self._rules.needed)
            if word not in granted and _AS_GOOD.get(word, "") not in granted
        ]
        if missing:
            return f"the key was not granted {', '.join(missing)}"
        if too_much := sorted(granted & self._rules.unwanted):
            return f"the key was granted {', '.join(too_much)}: make one without"
        return ""


class PublicSocket(_Socket):
    """Subscribes to the tickers of *symbols*: mark and index prices."""

    def __init__(
        self, url: str, symbols: Sequence[Symbol], rules: SocketRules = RULES
    ) -> None:
        super().__init__(url, rules)
        names = [f"ticker.{symbol}.100ms" for symbol in symbols]
        self._frames = chunks(names, CHANNELS_MAX)

    def on_open(self, mono_ns: int) -> tuple[Step, ...]:
        """Heartbeat and subscriptions."""
        self._keep_alive(mono_ns)
        asked = (self._subscribe(ref, "public", names) for ref, names in self._frames)
        return (self._heartbeat(), *asked)

    def on_control(self, fact: ControlFact, mono_ns: int) -> tuple[Step, ...]:
        """Acknowledgements and test requests. An instrument that has just expired
        is no reason to go without the others."""
        if fact.kind is ControlKind.TEST_REQUEST:
            return (self._still_alive(),)
        return self._answered(fact, {})


def _sign_in() -> Send:
    return Send(text=SIGN_IN, sign=SIGN_IN, cost=REQUEST_COST)


def _failed(fact: ControlFact, what: str) -> Fail:
    is_key = fact.code in _KEY_CODES
    failure = ScriptFailure.KEY_REFUSED if is_key else ScriptFailure.RETRY
    return Fail(failure=failure, why=f"{what}: {fact.code} {fact.text}".strip())
