"""The shared gate as one session sees it: bucket names get their owners.

A dialect names a bucket ("orders-10s"); which account or connection it belongs
to is known here ("orders-10s@1f3c..."). Sessions of one process with the same
key or address so meet in the same buckets.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from connector.core.limiter import Charge, LimiterView
from connector.core.limiter_tickets import template_id
from connector.dialect.wire import Throttle
from connector.model.clock import NS_PER_MS, ClockOffset, Now
from connector.model.limits import BucketScope, BucketSpec, Cost, Priority
from connector.model.noun import replace
from connector.session.gate import Gate, Permit
from connector.session.spending import CLOCK_SLACK_NS, Spending, Spent

BANNED = "banned by the venue"
"""Why nothing leaves, in words."""
_UNSAID_WAIT_MS = 2_000
"""How long to stop when the venue says stop and not for how long."""

_NUMBERS = itertools.count(1)


class Budget:
    """What one account may spend, at one gate.

    *specs* are what is known before the venue was asked: where another session has
    learnt better, they change nothing.
    """

    def __init__(
        self,
        gate: Gate,
        account: str,
        specs: Iterable[BucketSpec],
        spending: Spending | None = None,
    ) -> None:
        self._gate = gate
        self.spending = spending
        self._account = account
        self._number = next(_NUMBERS)  # connections of other sessions have our names
        self._scopes: dict[str, BucketSpec] = {}
        self._charges: dict[tuple[Cost, str], Charge] = {}
        specs = tuple(specs)
        self._scopes.update((spec.id, spec) for spec in specs)
        in_force = {view.id for view in gate.snapshot().buckets}
        self.learn(spec for spec in specs if self._id(spec.id, "") not in in_force)

    def learn(self, specs: Iterable[BucketSpec]) -> None:
        """Put limits in force."""
        bound = []
        for spec in specs:
            self._scopes[spec.id] = spec
            if spec.scope is not BucketScope.CONNECTION:
                bound.append(self._bound(spec, ""))
        self._gate.set_limits(bound)
        if self.spending is not None:
            self.spending.learn(self._scopes.values())
        self._charges.clear()

    def open_connection(self, connection: str) -> None:
        """Limits that live as long as one connection."""
        self._gate.set_limits(
            self._bound(spec, connection) for spec in self._of_connections()
        )

    def close_connection(self, connection: str) -> None:
        """Forget them."""
        ids = [self._bound(spec, connection).id for spec in self._of_connections()]
        self._gate.remove(ids)
        self._charges = {k: c for k, c in self._charges.items() if k[1] != connection}

    async def acquire(
        self, cost: Cost, priority: Priority, deadline_ns: int, connection: str = ""
    ) -> Permit:
        """Wait until *cost* may be spent; raises RateLimited."""
        charge = self._charge(cost, connection)
        permit = await self._gate.acquire(charge, priority, deadline_ns)
        if self.spending is not None:
            try:
                await self.spending.lend(cost, priority)
            except BaseException:
                permit.refund()
                raise
        return permit

    def try_acquire(self, cost: Cost, priority: Priority) -> Permit | None:
        """A permit if nothing has to be waited for, else None."""
        if self.spending is not None and self.spending.would_wait(cost, priority):
            return None
        permit = self._gate.try_acquire(self._charge(cost, ""), priority)
        if permit is not None and self.spending is not None:
            self.spending.count(cost)
        return permit

    def _charge(self, cost: Cost, connection: str) -> Charge:
        key = (cost, connection)
        charge = self._charges.get(key)
        if charge is None:
            bound = tuple((self._id(name, connection), units) for name, units in cost)
            charge = self._charges[key] = self._gate.charge(bound)
        return charge

    def inherit(self, spent: Sequence[Spent], run: str, now: Now) -> None:
        """Count what an earlier process (*run*) spent, unless this very process did
        and knows it."""
        if self.spending is not None:
            self.spending.inherit(spent)
        if run in self._gate.runs:
            return
        for item in spent:
            if self._knows(item.bucket):
                age_ns = max(0, now.wall_ns - item.wall_ns - CLOCK_SLACK_NS)
                at_ns = now.mono_ns - age_ns
                self._gate.inherit(self._id(item.bucket, ""), item.units, at_ns)
        self._gate.runs.add(run)  # from here on this gate knows, too

    def observe(
        self, used: Iterable[tuple[str, int]], *, sent_ns: int | None = None
    ) -> None:
        """The venue's own counts, told in the answer to a request that left then."""
        for name, count in used:
            if self._knows(name):
                self._gate.observe(self._id(name, ""), count, sent_ns=sent_ns)

    def close(self, throttle: Throttle, clock: ClockOffset, now: Now) -> None:
        """The venue said stop."""
        wait_ms = throttle.wait_ms
        if wait_ms is None and throttle.until_ms is not None:
            wait_ms = max(0, throttle.until_ms - clock.venue_ns(now) // NS_PER_MS)
        if wait_ms is None:
            wait_ms = _UNSAID_WAIT_MS
        if self.spending is not None:
            self.spending.stop(throttle, wait_ms)
        until_ns = now.mono_ns + wait_ms * NS_PER_MS
        why = BANNED if throttle.is_ban else "throttled by the venue"
        named = [self._id(name, "") for name in throttle.buckets if self._knows(name)]
        if named:
            self._gate.close(until_ns, why, bucket_ids=named)
            return
        is_ip = throttle.scope is BucketScope.IP
        self._gate.close(
            until_ns,
            why,
            scope=throttle.scope,
            owner=None if is_ip else self._account,
        )

    def set_clock(self, clock: ClockOffset, now: Now) -> None:
        """Tell where the venue's calendar windows begin."""
        offset_ns = clock.venue_ns(now) - now.mono_ns
        self._gate.set_venue_clock(offset_ns, clock.error_ns)

    def view(self) -> LimiterView:
        """For display."""
        return self._gate.snapshot()

    def _of_connections(self) -> list[BucketSpec]:
        return [
            spec
            for spec in self._scopes.values()
            if spec.scope is BucketScope.CONNECTION
        ]

    def _knows(self, name: str) -> bool:
        return name in self._scopes or template_id(name) in self._scopes

    def _owner(self, scope: BucketScope, connection: str) -> str:
        if scope is BucketScope.IP:
            return ""
        if scope is BucketScope.CONNECTION:
            return f"{connection}.{self._number}" if connection else ""
        return self._account

    def _id(self, name: str, connection: str) -> str:
        spec = self._scopes.get(name) or self._scopes[template_id(name)]
        owner = self._owner(spec.scope, connection)
        return f"{name}@{owner}" if owner else name

    def _bound(self, spec: BucketSpec, connection: str) -> BucketSpec:
        owner = self._owner(spec.scope, connection)
        name = f"{spec.id}@{owner}" if owner else spec.id
        return replace(spec, id=name, owner=owner)
