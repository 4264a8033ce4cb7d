"""The asyncio shell of the limiter: waiting, cancellation, threads, sharing."""

from __future__ import annotations

import asyncio
import time

from connector.core.limiter import Limiter
from connector.model.limits import BucketSpec, Priority
from connector.runtime.gate import Gate

S = 1_000_000_000
MS = 1_000_000


def test_a_waiter_goes_when_the_window_frees() -> None:
    """acquire returns at once while there is room and at the wake-up otherwise."""

    async def main() -> None:
        limiter = Limiter(
            [BucketSpec(id="w", limit=1, window_ns=20 * MS, jitter_ns=0)],
            time.monotonic_ns(),
        )
        gate = Gate(limiter, time.monotonic_ns)
        first = time.monotonic_ns()
        await gate.acquire((("w", 1),), Priority.PLACE, first + S)
        await gate.acquire((("w", 1),), Priority.PLACE, first + S)
        assert time.monotonic_ns() - first >= 20 * MS

    asyncio.run(main())
