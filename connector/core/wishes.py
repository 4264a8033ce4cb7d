"""What users wish for: orders, cancels, amends, and calls that are no orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from connector.core.effects import Resolve
from connector.core.inputs import Amend, Ask, Cancel, CancelAll, Resync, Submit
from connector.core.rules import amend_exposes, check_amend
from connector.core.tracked import Tracked
from connector.dialect import Capability, Part
from connector.dialect.wire import Reply, Request, Verdict
from connector.errors import NotLive, Unprotected, UsageError
from connector.model.account import Source
from connector.model.clock import NS_PER_MS, Now
from connector.model.ids import Symbol
from connector.model.limits import Priority
from connector.model.noun import replace
from connector.model.order import OrderStatus

if TYPE_CHECKING:
    from connector.core.machine import SessionCore

_TAKEN = (Verdict.OK, Verdict.UNCHANGED, Verdict.PROCESSING)

Wish = Submit | Cancel | CancelAll | Amend | Ask | Resync


class Wishes:
    """Turns wishes into commands and calls; every ticket gets an answer."""

    def __init__(self, core: SessionCore) -> None:
        self._core = core

    def take(self, wish: Wish, now: Now) -> None:
        """Begin to fulfil *wish*."""
        match wish:
            case Submit():
                self._submit(wish, now)
            case Cancel():
                self._cancel(wish, now)
            case CancelAll():
                self._cancel_all(wish, now)
            case Amend():
                self._amend(wish, now)
            case Ask():
                self._ask(wish, now)
            case Resync(ticket=ticket):
                self._core.trust.resync(ticket, now)

    def _submit(self, wish: Submit, now: Now) -> None:
        core = self._core

        def then(unprotected: Unprotected | None, later: Now) -> None:
            if unprotected is None:
                self._place(wish, later)
                return
            for ticket in wish.tickets:
                core.outbox.emit(Resolve(ticket, unprotected))

        core.dead_man.protect(wish.intents, now, then)

    def _place(self, wish: Submit, now: Now) -> None:
        core = self._core
        try:
            instruments = core.check_all(wish.intents, now)
            items = [
                (intent, core.new_client_order_id(), instrument)
                for intent, instrument in zip(wish.intents, instruments, strict=True)
            ]
            core.commands.place(wish.tickets, items, now)
        except UsageError as error:
            for ticket in wish.tickets:
                core.outbox.emit(Resolve(ticket, error))

    def _cancel(self, wish: Cancel, now: Now) -> None:
        core = self._core
        groups: dict[str, list[tuple[int, Tracked]]] = {}
        most = core.dialect.facts.batch_cancel_max
        for ticket, client_order_id in zip(
            wish.tickets, wish.client_order_ids, strict=True
        ):
            tracked = core.orders.get(client_order_id)
            if tracked is None:
                error = UsageError(f"no order {client_order_id} is known here")
                core.outbox.emit(Resolve(ticket, error))
                continue
            # Conditional orders have endpoints of their own: one at a time.
            alone = tracked.is_conditional or most == 1
            group = f"{tracked.symbol} {client_order_id if alone else ''}"
            groups.setdefault(group, []).append((ticket, tracked))
        for group_items in groups.values():
            for start in range(0, len(group_items), most):
                part = group_items[start : start + most]
                core.commands.cancel([t for t, _ in part], [o for _, o in part], now)

    def _cancel_all(self, wish: CancelAll, now: Now) -> None:
        core = self._core
        if wish.symbol is None:
            requests = core.dialect.cancel_account(wish.kind)
        elif Capability.CANCEL_ALL in core.dialect.facts.capabilities:
            requests = core.dialect.cancel_all(wish.symbol)
        else:
            self._list_and_cancel(wish.symbol, wish.ticket, now)
            return
        covered = [t for t in core.orders.open() if self._covers(wish, t)]

        def then(replies: tuple[Reply, ...], later: Now) -> None:
            if any(r.verdict not in _TAKEN for r in replies):
                return
            for tracked in covered:
                if not tracked.is_terminal:
                    core.commands.watch_cancel(0, tracked, later)

        self._call_all(wish.ticket, requests, now, then, core.config.cancel_wait_s)

    def _covers(self, wish: CancelAll, tracked: Tracked) -> bool:
        if wish.symbol is not None:
            return tracked.symbol == wish.symbol
        found = self._core.account.instruments.get(tracked.symbol)
        return wish.kind is None or (found is not None and found.kind is wish.kind)

    def _list_and_cancel(self, symbol: Symbol, ticket: int, now: Now) -> None:
        """Where the venue has no such call: list what is open, cancel each."""
        core = self._core
        now_ms = core.clock.offset.venue_ns(now) // NS_PER_MS
        waiting = list(
            core.dialect.query(
                Part.OPEN_ORDERS, symbols=[symbol], since_ms=now_ms, now_ms=now_ms
            )
        )
        replies: list[Reply] = []

        def on_reply(reply: Reply, later: Now) -> None:
            core.merger.apply(reply.facts, Source.REST, later)
            replies.append(reply)
            if reply.next_request is not None:
                waiting.append(reply.next_request)
                ask(reply.next_request, later)
            if len(replies) < len(waiting):
                return
            # What this list did not tell is cancelled all the same.
            self._cancel_each([t for t in core.orders.open() if covers(t)], later)
            core.outbox.emit(Resolve(ticket, tuple(replies)))

        def covers(tracked: Tracked) -> bool:
            is_ending = tracked.pending is OrderStatus.PENDING_CANCEL
            return tracked.symbol == symbol and not is_ending

        def ask(request: Request, at: Now) -> None:
            core.outbox.call(request, on_reply, at, wait_s=core.config.cancel_wait_s)

        for request in tuple(waiting):
            ask(replace(request, priority=Priority.CANCEL), now)

    def _cancel_each(self, orders: Sequence[Tracked], now: Now) -> None:
        """Cancel orders of one instrument in as few requests as the venue allows."""
        most = self._core.dialect.facts.batch_cancel_max
        alone = [t for t in orders if t.is_conditional or most == 1]
        together = [t for t in orders if t not in alone]
        groups = [[t] for t in alone]
        groups += [together[i : i + most] for i in range(0, len(together), most)]
        for group in groups:
            self._core.commands.cancel([0] * len(group), group, now)

    def _amend(self, wish: Amend, now: Now) -> None:
        core = self._core
        tracked = core.orders.get(wish.client_order_id)
        try:
            if tracked is None:
                raise UsageError(f"no order {wish.client_order_id} is known here")
            order, terms = tracked.snapshot(), wish.terms
            if not core.may_expose and amend_exposes(order, terms.qty):
                raise NotLive(core.trust.why_not_live(now))
            instrument = check_amend(order, terms, core.account, core.dialect)
            core.commands.amend(wish.ticket, tracked, instrument, terms, now)
        except UsageError as error:
            core.outbox.emit(Resolve(wish.ticket, error))

    def _ask(self, wish: Ask, now: Now) -> None:
        core = self._core
        self._call_all(
            wish.ticket,
            wish.requests,
            now,
            None,
            core.config.query_wait_s,
            is_merged=wish.is_merged,
        )

    def _call_all(
        self,
        ticket: int,
        requests: Sequence[Request],
        now: Now,
        then: Callable[[tuple[Reply, ...], Now], None] | None,
        wait_s: float,
        *,
        is_merged: bool = True,
    ) -> None:
        """Make calls together and resolve *ticket* with their replies."""
        core = self._core
        if not requests:
            core.outbox.emit(Resolve(ticket, ()))
            return
        replies: dict[int, Reply] = {}

        def collector(index: int) -> Callable[[Reply, Now], None]:
            def on_reply(reply: Reply, later: Now) -> None:
                replies[index] = reply
                if is_merged:
                    core.merger.apply(reply.facts, Source.REPLY, later)
                if len(replies) == len(requests):
                    ordered = tuple(replies[i] for i in range(len(requests)))
                    core.outbox.emit(Resolve(ticket, ordered))
                    if then is not None:
                        then(ordered, later)

            return on_reply

        for index, request in enumerate(requests):
            core.outbox.call(request, collector(index), now, wait_s=wait_s)
