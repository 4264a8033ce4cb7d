"""The dead-man switch: the venue cancels our orders when nobody renews it.

    idle -> arming -> armed -> (renewed every quarter of its time) -> armed
              |         |  nothing rests any more, for a while -> disarmed
              |         +- not renewed in time -> run out: the venue may have fired
              +- refused or unanswered: orders that wait for it are not sent

What is armed depends on the venue (`dialect.DeadManKind`): a countdown per
instrument, one for the account, or a promise bound to the connection of order
entry. New exposure waits until its switch is armed, so no order that adds exposure
ever rests unprotected; reduce-only orders and cancels do not wait.

A switch that ran out did what it is for. Closing a session leaves it armed: after
its time the venue cancels what was left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connector.dialect import DeadManKind
from connector.dialect.wire import Reply, Request, Verdict
from connector.errors import Unprotected
from connector.model.clock import NS_PER_MS, NS_PER_S, Now
from connector.model.events import Alarm
from connector.model.ids import Symbol
from connector.model.limits import Priority
from connector.model.noun import replace
from connector.model.order import OrderIntent, Origin

if TYPE_CHECKING:
    from connector.core.machine import SessionCore

_RENEWALS = 4
"""Renewals within one countdown: three may be lost."""

_IDLE_NS = 60 * NS_PER_S
"""How long a switch without orders stays armed, for the next one."""

_RETRY_NS = NS_PER_S // 2

_WHILE_CONNECTED_NS = 100 * 365 * 86_400 * NS_PER_S

Then = Callable[[Unprotected | None, Now], None]


@dataclass(slots=True)
class _Switch:
    """One switch; *until_ns*: it does not fire before (0: not armed)."""

    until_ns: int = 0
    due_ns: int = 0  # when to arm or renew next
    used_ns: int = 0  # last time that an order rested under it
    epoch: int = 0  # the connection it is bound to
    is_asking: bool = False
    is_late: bool = False
    refusal: str = ""


@dataclass(slots=True, eq=False)
class _Waiter:
    keys: set[Symbol | None]
    deadline_ns: int
    then: Then


class DeadManSwitch:
    """Keeps the venue's switches armed while own orders rest; see above."""

    def __init__(self, core: SessionCore) -> None:
        self._core = core
        self._timeout_ms = int(core.config.dead_man_s * 1000)
        self._spec = core.dialect.facts.dead_man if self._timeout_ms else None
        self._switches: dict[Symbol | None, _Switch] = {}
        self._waiters: list[_Waiter] = []
        self._seen = (-1, 0)  # account version, epoch of order entry
        self._is_stopped = False

    # --- reading ---

    @property
    def is_bound_to_order_entry(self) -> bool:
        """Only orders sent as frames are protected."""
        spec = self._spec
        return spec is not None and spec.kind is DeadManKind.ORDER_CONNECTION

    @property
    def next_wake_ns(self) -> int | None:
        """When `tick` has something to do."""
        if self._spec is None and not self._waiters:
            return None
        times = [waiter.deadline_ns for waiter in self._waiters]
        for switch in self._switches.values():
            if not switch.is_asking:
                times.append(switch.due_ns)
            if switch.until_ns and not switch.is_late:
                times.append(switch.until_ns)
        return min(times, default=None)

    def is_armed(self, symbol: Symbol, now: Now) -> bool:
        """The venue will cancel orders of *symbol* if we fall silent."""
        switch = self._switches.get(self._key(symbol))
        return switch is not None and self._holds(switch, now)

    # --- asking ---

    def protect(self, intents: Sequence[OrderIntent], now: Now, then: Then) -> None:
        """Call *then* when every switch that *intents* need is armed; at once if
        none is wanted or all are. With Unprotected if one is refused, or not armed
        within `order_wait_s`."""
        keys: set[Symbol | None] = set()
        if self._spec is not None:
            keys = {self._key(i.symbol) for i in intents if not i.reduces}
        self._want(keys, now)
        deadline_ns = now.mono_ns + int(self._core.config.order_wait_s * NS_PER_S)
        waiter = _Waiter(keys, deadline_ns, then)
        if not self._is_served(waiter, now):
            self._waiters.append(waiter)

    def follow(self, now: Now) -> None:
        """Look whether own orders rest without a switch (cheap if nothing moved)."""
        if self._spec is None or self._is_stopped:
            return
        seen = (self._core.account.version, self._epoch())
        if seen == self._seen or not self._core.startup.is_done:
            return
        if seen[1] != self._seen[1]:
            for switch in self._switches.values():
                switch.due_ns = now.mono_ns
        self._seen = seen
        self._want({None} if seen[1] else self._resting(), now)

    def tick(self, now: Now) -> None:
        """Do what is due."""
        resting = self._resting() if self._switches else set()
        for waiter in self._waiters:
            resting |= waiter.keys
        for key, switch in list(self._switches.items()):
            if key in resting:
                switch.used_ns = now.mono_ns
            if switch.until_ns and not switch.is_late:
                self._watch(key, switch, now)
            if not switch.is_asking and switch.due_ns <= now.mono_ns:
                self._ask(key, switch, now)
        self._serve(now)

    def stop(self) -> None:
        """Closing: what is armed stays armed, nothing is renewed."""
        self._is_stopped = True
        self._switches.clear()
        self._waiters.clear()

    # --- how ---

    def _key(self, symbol: Symbol) -> Symbol | None:
        spec = self._spec
        per_symbol = spec is not None and spec.kind is DeadManKind.SYMBOL_TIMER
        return symbol if per_symbol else None

    def _resting(self) -> set[Symbol | None]:
        return {
            self._key(tracked.symbol)
            for tracked in self._core.orders.open()
            if tracked.origin is Origin.OWN
        }

    def _want(self, keys: Iterable[Symbol | None], now: Now) -> None:
        for key in keys:
            switch = self._switches.setdefault(key, _Switch())
            switch.used_ns = now.mono_ns
            is_due = not switch.is_asking and switch.due_ns <= now.mono_ns
            if is_due and not self._holds(switch, now):
                self._ask(key, switch, now)

    def _epoch(self) -> int:
        return self._core.outbox.order_epoch() if self.is_bound_to_order_entry else 0

    def _holds(self, switch: _Switch, now: Now) -> bool:
        if self.is_bound_to_order_entry and switch.epoch != self._epoch():
            return False
        return switch.until_ns > now.mono_ns

    def _watch(self, key: Symbol | None, switch: _Switch, now: Now) -> None:
        if switch.until_ns > now.mono_ns:
            return
        switch.is_late = True
        what = f"orders of {key}" if key else "all orders"
        self._core.outbox.publish(
            Alarm(
                code="dead_man.late",
                text=f"the dead-man switch was not renewed in time: the venue may "
                f"have cancelled {what}",
                fields={"symbol": key or ""},
            )
        )

    def _ask(self, key: Symbol | None, switch: _Switch, now: Now) -> None:
        """Arm, renew, or disarm what nobody needs any longer."""
        core = self._core
        epoch = self._epoch()
        switch.due_ns = now.mono_ns + _RETRY_NS
        if self.is_bound_to_order_entry and not epoch:
            return  # order entry is not up: nothing to bind it to
        is_over = now.mono_ns - switch.used_ns > _IDLE_NS
        if is_over and switch.until_ns <= now.mono_ns:
            del self._switches[key]
            return
        timeout_ms = 0 if is_over else self._timeout_ms
        if is_over:
            switch.until_ns = 0  # from here on nobody may count on it
        sent: list[Now] = []

        def call(request: Request, at: Now) -> None:
            core.outbox.call(
                replace(request, priority=Priority.CANCEL),
                on_reply,
                at,
                wait_s=core.config.order_wait_s,
                on_signed=lambda _, signed: sent.append(signed),
                is_frame_only=self.is_bound_to_order_entry,
            )

        def on_reply(reply: Reply, later: Now) -> None:
            if reply.next_request is not None and epoch == self._epoch():
                call(reply.next_request, later)  # it was only looked at so far
                return
            switch.is_asking = False
            if reply.verdict in (Verdict.OK, Verdict.UNCHANGED):
                self._on_done(key, switch, timeout_ms, epoch, sent[-1], later)
            else:
                self._on_failed(key, switch, reply, later)
            self._serve(later)

        switch.is_asking = True
        call(core.dialect.dead_man(key, timeout_ms), now)

    def _on_done(
        self,
        key: Symbol | None,
        switch: _Switch,
        timeout_ms: int,
        epoch: int,
        sent: Now,
        now: Now,
    ) -> None:
        assert self._spec is not None
        switch.refusal = ""
        switch.is_late = False
        switch.epoch = epoch
        if not timeout_ms:
            self._ask(key, switch, now)  # forgets it, unless it is wanted again
            return
        if self.is_bound_to_order_entry:
            switch.until_ns = now.mono_ns + _WHILE_CONNECTED_NS
            switch.due_ns = switch.until_ns
            return
        # It may have arrived the moment it left: it fires not before this.
        switch.until_ns = sent.mono_ns + timeout_ms * NS_PER_MS
        every_ms = max(timeout_ms // _RENEWALS, self._spec.renew_min_ms)
        switch.due_ns = sent.mono_ns + every_ms * NS_PER_MS

    def _on_failed(
        self, key: Symbol | None, switch: _Switch, reply: Reply, now: Now
    ) -> None:
        text = f"{reply.code} {reply.text}".strip()
        switch.due_ns = now.mono_ns + _RETRY_NS
        if reply.verdict is not Verdict.REJECTED:
            return
        every_ms = max(self._timeout_ms // _RENEWALS, 1000)
        switch.due_ns = now.mono_ns + every_ms * NS_PER_MS
        if not switch.refusal:
            self._core.outbox.publish(
                Alarm(
                    code="dead_man.refused",
                    text=f"the venue refused the dead-man switch: {text}",
                    fields={"symbol": key or ""},
                )
            )
        switch.refusal = text or "no reason told"

    def _serve(self, now: Now) -> None:
        for waiter in list(self._waiters):
            if waiter in self._waiters and self._is_served(waiter, now):
                self._waiters.remove(waiter)

    def _is_served(self, waiter: _Waiter, now: Now) -> bool:
        switches = [self._switches[key] for key in waiter.keys]
        if all(self._holds(switch, now) for switch in switches):
            waiter.then(None, now)
            return True
        refusals = [s.refusal for s in switches if s.refusal and not s.is_asking]
        if refusals:
            waiter.then(Unprotected(f"the venue refused it: {refusals[0]}"), now)
            return True
        if waiter.deadline_ns <= now.mono_ns:
            wait_s = self._core.config.order_wait_s
            waiter.then(Unprotected(f"not armed within {wait_s:g} s"), now)
            return True
        return False
