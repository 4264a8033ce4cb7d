"""Law 8: the venue's limits are never exceeded, whatever its windows."""

from __future__ import annotations

from connector.core.limiter import Limiter, TicketState
from connector.model.limits import BucketSpec, Priority

S = 1_000_000_000
MS = 1_000_000


def window(
    id: str = "w", limit: int = 3, window_ns: int = 10 * S, **more: object
) -> BucketSpec:
    return BucketSpec(id=id, limit=limit, window_ns=window_ns, **more)  # type: ignore[arg-type]


def test_a_full_window_frees_after_window_and_jitter() -> None:
    """A sent request occupies its window until it has left it at the venue."""
    limiter = Limiter([window()], 0)
    charge = limiter.charge((("w", 1),))
    for _ in range(3):
        assert limiter.try_acquire(charge, Priority.PLACE, 0) is not None
    ticket = limiter.submit(charge, Priority.PLACE, 20 * S, 1)
    assert ticket.state is TicketState.WAITING
    assert limiter.next_wake_ns() == 10 * S + 20 * MS + 1
    assert limiter.poll(10 * S + 20 * MS) == []
    assert limiter.poll(10 * S + 20 * MS + 1) == [ticket]
    assert ticket.state is TicketState.GRANTED
