"""Rules of instruments that nobody asked for at the start.

Two kinds. A fact may name an instrument that was listed after we asked what there
is: where quantities are contracts it says nothing without the contract's size, so
the list is read again and the state re-synced. And some venues tell margin tiers
and leverage for one instrument at a time: they are asked when it is at stake.

Each thing is asked once, and again after a pause while it is not answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from connector.core.outbox import OnReply
from connector.dialect import Part
from connector.dialect.wire import Reply, Request, Verdict
from connector.model.account import Source
from connector.model.clock import NS_PER_MS, NS_PER_S, Now
from connector.model.events import GapReason
from connector.model.ids import Symbol

if TYPE_CHECKING:
    from connector.core.machine import SessionCore

_AGAIN_S = 5


class Listings:
    """What was asked about instruments, and what must be."""

    def __init__(self, core: SessionCore) -> None:
        self._core = core
        self._unlisted: list[Symbol] = []
        self._known_missing: set[Symbol] = set()
        self._tiers: set[Symbol] = set()
        self._seen_version = -1
        self.next_wake_ns: int | None = None

    def on_unlisted(self, symbol: Symbol) -> None:
        """A fact named *symbol*, whose rules are not known."""
        if symbol not in self._known_missing:
            self._known_missing.add(symbol)
            self._unlisted.append(symbol)

    def follow(self, now: Now) -> None:
        """Ask for what is missing (cheap if nothing is)."""
        if self._unlisted:
            missing, self._unlisted = self._unlisted, []
            self._list_again(missing, now)
        core = self._core
        if not core.dialect.facts.tiers_one_by_one or not core.startup.is_done:
            return
        if core.account.version != self._seen_version:
            self._seen_version = core.account.version
            wanted = core.marks.at_stake() - self._tiers
            if wanted:
                self._tiers |= wanted
                self._ask_tiers(sorted(wanted), now)

    def tick(self, now: Now) -> None:
        """Ask again what was not answered."""
        if self.next_wake_ns is not None and self.next_wake_ns <= now.mono_ns:
            self.next_wake_ns = None
            self._seen_version = -1

    def _list_again(self, missing: Sequence[Symbol], now: Now) -> None:
        why = f"{', '.join(missing)}: not among the instruments"
        self._core.trust.gap(GapReason.PARSE_FAILURE, why, now)

        def then(later: Now) -> None:
            listed = [s for s in missing if s in self._core.account.instruments]
            if listed:
                self._known_missing.difference_update(listed)
                text = f"{', '.join(listed)}: listed meanwhile"
                self._core.trust.gap(GapReason.PARSE_FAILURE, text, later)

        requests = self._query(Part.INSTRUMENTS, missing, now)
        waiting = [len(requests)]

        def on_reply(reply: Reply, later: Now) -> None:
            self._core.merger.apply(reply.facts, Source.REST, later)
            if reply.next_request is not None:
                self._call(reply.next_request, on_reply, later)
                return
            waiting[0] -= 1
            if not waiting[0]:
                then(later)

        for request in requests:
            self._call(request, on_reply, now)

    def _ask_tiers(self, symbols: Sequence[Symbol], now: Now) -> None:
        def on_reply(reply: Reply, later: Now) -> None:
            self._core.merger.apply(reply.facts, Source.REST, later)
            if reply.verdict not in (Verdict.OK, Verdict.UNCHANGED):
                self._tiers.difference_update(symbols)
                self.next_wake_ns = later.mono_ns + _AGAIN_S * NS_PER_S

        for request in self._query(Part.TIERS, symbols, now):
            self._call(request, on_reply, now)

    def _query(
        self, part: Part, symbols: Sequence[Symbol], now: Now
    ) -> tuple[Request, ...]:
        core = self._core
        now_ms = core.clock.offset.venue_ns(now) // NS_PER_MS
        return core.dialect.query(part, symbols=symbols, since_ms=now_ms, now_ms=now_ms)

    def _call(self, request: Request, on_reply: OnReply, now: Now) -> None:
        core = self._core
        core.outbox.call(request, on_reply, now, wait_s=core.config.query_wait_s)
