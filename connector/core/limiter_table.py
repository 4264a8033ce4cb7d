"""All limits of one venue: buckets by id, templates, closings, the venue's clock.

What is known about limits is here; who goes when is in `limiter`. An id like
``place:*`` is a template: one bucket per name, made when first named. A closing
also holds the buckets that are made while it lasts.
"""

from __future__ import annotations

from collections.abc import Iterable

from connector.core.limiter_buckets import Bucket, make_bucket
from connector.core.limiter_tickets import BucketView, Charge, Closing, template_id
from connector.model.limits import BucketKind, BucketSpec, Cost
from connector.model.noun import replace


class LimitTable:
    """See above. Times never run backwards here; `Limiter` sees to that."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}
        self._templates: dict[str, BucketSpec] = {}
        self._charges: dict[Cost, Charge] = {}
        self._closings: list[Closing] = []
        self._venue_offset_ns: int | None = None
        self._venue_error_ns = 0

    def charge(self, cost: Cost, now_ns: int) -> Charge:
        """The one Charge of *cost*; ValueError if there is no such bucket."""
        known = self._charges.get(cost)
        if known is not None:
            return known
        amounts: dict[str, int] = {}
        for bucket_id, amount in cost:
            if amount < 0 or not self._exists(bucket_id, now_ns):
                raise ValueError(f"no such bucket or amount: {bucket_id!r}, {amount}")
            amounts[bucket_id] = amounts.get(bucket_id, 0) + amount
        made = Charge(
            cost,
            tuple((self._buckets[i], a) for i, a in amounts.items() if a),
            tuple(self._buckets[i] for i in amounts),
        )
        self._charges[cost] = made
        return made

    def adopt(self, specs: Iterable[BucketSpec], now_ns: int) -> None:
        """Put limits in force; ValueError if a bucket would change its kind."""
        for spec in specs:
            if "*" not in spec.id:
                self._adopt(spec, now_ns)
                continue
            known = self._templates.get(spec.id)
            if known is not None and known.learnt and not spec.learnt:
                continue
            self._templates[spec.id] = spec
            for bucket in self._named(spec.id, now_ns):
                self._adopt(replace(spec, id=bucket.spec.id), now_ns)

    def remove(self, bucket_ids: Iterable[str]) -> list[Charge]:
        """Forget buckets; returns the charges that named them, also forgotten."""
        gone = {
            self._buckets.pop(bucket_id)
            for bucket_id in bucket_ids
            if bucket_id in self._buckets
        }
        dead = [c for c in self._charges.values() if not gone.isdisjoint(c.gates)]
        for charge in dead:
            del self._charges[charge.cost]
        return dead

    def observe(self, bucket_id: str, used: int, sent_ns: int, now_ns: int) -> None:
        """The venue counts *used* in the window in which *sent_ns* falls."""
        if self._exists(bucket_id, now_ns):
            bucket = self._buckets[bucket_id]
            window = self._venue_window(bucket.spec, sent_ns)
            bucket.observe(used, window, sent_ns, now_ns)

    def inherit(self, bucket_id: str, amount: int, at_ns: int, now_ns: int) -> None:
        """See `Limiter.inherit`."""
        if self._exists(bucket_id, now_ns):
            self._buckets[bucket_id].inherit(amount, at_ns, now_ns)

    def set_venue_clock(self, offset_ns: int, error_ns: int) -> None:
        """See `Limiter.set_venue_clock`."""
        self._venue_offset_ns = offset_ns
        self._venue_error_ns = error_ns

    def close(self, closing: Closing, now_ns: int) -> None:
        """Close all buckets that *closing* covers, now and while it lasts."""
        self._closings = [c for c in self._closings if c.until_ns > now_ns]
        self._closings.append(closing)
        for bucket in self._buckets.values():
            closing.apply(bucket)

    def is_unused(self, now_ns: int) -> bool:
        """Whether every bucket is as good as new."""
        return all(bucket.used_at(now_ns) == 0 for bucket in self._buckets.values())

    def views(self, now_ns: int) -> tuple[BucketView, ...]:
        """All buckets for display."""
        return tuple(_view(bucket, now_ns) for bucket in self._buckets.values())

    def _exists(self, bucket_id: str, now_ns: int) -> bool:
        if bucket_id in self._buckets:
            return True
        template = self._templates.get(template_id(bucket_id))
        if template is None or "*" in bucket_id:
            return False
        self._adopt(replace(template, id=bucket_id), now_ns)
        return True

    def _named(self, bucket_id: str, now_ns: int) -> list[Bucket]:
        """That bucket, or all that were made from that template."""
        if "*" in bucket_id:
            return [
                bucket
                for name, bucket in self._buckets.items()
                if template_id(name) == bucket_id
            ]
        exists = self._exists(bucket_id, now_ns)
        return [self._buckets[bucket_id]] if exists else []

    def _adopt(self, spec: BucketSpec, now_ns: int) -> None:
        bucket = self._buckets.get(spec.id)
        if bucket is None:
            bucket = self._buckets[spec.id] = make_bucket(spec, now_ns)
            for closing in self._closings:
                closing.apply(bucket)
        elif bucket.spec.kind is not spec.kind:
            raise ValueError(f"{spec.id} is a {bucket.spec.kind} bucket")
        elif bucket.spec != spec and (spec.learnt or not bucket.spec.learnt):
            bucket.adopt(spec, now_ns)  # a guess never replaces what was learnt

    def _venue_window(self, spec: BucketSpec, at_ns: int) -> tuple[int, int] | None:
        """Earliest start and latest end of the venue's window, if known."""
        offset_ns, error_ns = self._venue_offset_ns, self._venue_error_ns
        if offset_ns is None or spec.kind is not BucketKind.WINDOW:
            return None
        if not spec.calendar or 4 * error_ns >= spec.window_ns:
            return None
        # Near the start the count may still be that of the window before: taking
        # it for the new one would see a stranger where there is none.
        at_ns -= error_ns
        start_ns = at_ns - (at_ns + offset_ns) % spec.window_ns
        return start_ns - error_ns, start_ns + spec.window_ns + error_ns


def _view(bucket: Bucket, now_ns: int) -> BucketView:
    closed_ns = bucket.opens_ns(is_cancel=False)
    is_closed = closed_ns > now_ns
    return BucketView(
        id=bucket.spec.id,
        scope=bucket.spec.scope,
        used=bucket.used_at(now_ns),
        limit=bucket.spec.limit,
        reserve=bucket.spec.reserve,
        learnt=bucket.spec.learnt,
        closed_until_ns=closed_ns if is_closed else None,
        closed_reason=bucket.closed_reason if is_closed else "",
    )
