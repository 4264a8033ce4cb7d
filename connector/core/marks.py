"""Mark prices of what is held: the public stream that keeps margin alive."""

from __future__ import annotations

import random

from connector.config import SessionConfig
from connector.core.account import Account
from connector.core.inputs import LinkRole
from connector.core.link import Link, LinkEvents
from connector.core.orders import Orders
from connector.core.outbox import Outbox
from connector.dialect import Dialect, Endpoints, LinkScript
from connector.model.clock import NS_PER_S, Now
from connector.model.events import Alarm
from connector.model.ids import Symbol

_SETTLE_S = 0.2


class MarkFeed:
    """Follows the instruments with a position or an open order.

    Instruments are added by bringing up a connection that has them all before
    the old one is closed; those no longer needed fall away at the next change.
    """

    def __init__(
        self,
        dialect: Dialect,
        endpoints: Endpoints,
        outbox: Outbox,
        config: SessionConfig,
        account: Account,
        orders: Orders,
        rng: random.Random,
    ) -> None:
        self._dialect = dialect
        self._endpoints = endpoints
        self._outbox = outbox
        self._account = account
        self._orders = orders
        self._subscribed: frozenset[Symbol] = frozenset()
        self._started = False
        self._is_stopped = False
        self._change_ns: int | None = None
        self._seen_version = -1
        self._is_lacking = False  # something at stake may not be subscribed
        self.link = Link(
            LinkRole.PUBLIC,
            self._script,
            outbox,
            config,
            ping_interval_s=dialect.facts.ping_interval_s,
            rotate_after_s=dialect.facts.rotate_after_s,
            rng=rng,
            events=LinkEvents(
                on_state=lambda *_: None,
                on_ready=lambda _: None,
                on_lost=lambda *_: None,
                on_key_refused=lambda _: None,
                on_alarm=self._alarm,
            ),
        )

    @property
    def next_wake_ns(self) -> int | None:
        """When `tick` has something to do."""
        due = self.link.next_wake_ns
        if due is None or self._change_ns is None:
            return due or self._change_ns
        return min(due, self._change_ns)

    def follow(self, now: Now) -> None:
        """Look whether other instruments are at stake now (cheap if not)."""
        self._look_at(self._orders.fresh_symbols)
        self._look_at(self._account.fresh_symbols)
        version = self._account.version
        if not self._is_lacking or version == self._seen_version or self._is_stopped:
            return
        self._seen_version = version
        if self._change_ns is None:
            self._is_lacking = not self.at_stake() <= self._subscribed
            if self._is_lacking:
                self._change_ns = now.mono_ns + int(_SETTLE_S * NS_PER_S)

    def _look_at(self, fresh: set[Symbol]) -> None:
        """*fresh* came to be at stake: are they subscribed?"""
        if fresh:
            self._is_lacking = self._is_lacking or not fresh <= self._subscribed
            fresh.clear()

    def tick(self, now: Now) -> None:
        """Do what is due."""
        if self._change_ns is not None and self._change_ns <= now.mono_ns:
            self._change_ns = None
            if not self._started:
                self._started = True
                self.link.start(now)
            elif not self.at_stake() <= self._subscribed:
                self.link.rotate(now)
        self.link.tick(now)

    def stop(self) -> None:
        """Close."""
        self._is_stopped = True
        self._change_ns = None
        self.link.stop()

    def at_stake(self) -> frozenset[Symbol]:
        """Instruments with a position or an open order."""
        held = self._account.symbols_held()
        held.update(self._orders.open_symbols())
        return frozenset(held & self._account.instruments.keys())

    def _script(self) -> LinkScript:
        self._subscribed = self.at_stake()
        return self._dialect.public_script(self._endpoints, sorted(self._subscribed))

    def _alarm(self, code: str, text: str) -> None:
        self._outbox.publish(Alarm(code=code, text=text))
