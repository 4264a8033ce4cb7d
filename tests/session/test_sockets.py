"""What a refused handshake means for everything else."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from connector.core.effects import OpenStream
from connector.core.inputs import Input, LinkRole, StreamClosed
from connector.core.limiter import Limiter
from connector.errors import RateLimited, StreamRefused
from connector.model.clock import NS_PER_S, Now
from connector.model.limits import BucketSpec, Priority
from connector.runtime.stream import StreamChannel
from connector.session.budget import Budget
from connector.session.gate import Gate
from connector.session.sockets import Sockets

WEIGHT = BucketSpec(id="weight", limit=100, window_ns=60 * NS_PER_S)


class Refusing:
    """A channel whose handshakes are answered by HTTP."""

    def __init__(self, status: int, retry_after_s: float | None) -> None:
        self._refused = StreamRefused("no", status=status, retry_after_s=retry_after_s)

    async def open(self, url: str) -> Any:
        raise self._refused


def now() -> Now:
    return Now(mono_ns=NS_PER_S, wall_ns=0)


@pytest.mark.parametrize(
    ("status", "retry_after_s", "waits_s"),
    [(418, 6.0, 6.0), (429, 7.5, 7.5), (429, None, 2.0), (503, 9.0, 0.0)],
)
def test_a_handshake_refused_for_the_limits_stops_everything(
    status: int, retry_after_s: float | None, waits_s: float
) -> None:
    """Law 8: a ban told to a handshake is a ban for every request of the address."""
    posted: list[Input] = []

    async def body() -> None:
        budget = Budget(Gate(Limiter((), NS_PER_S), lambda: NS_PER_S), "me", [WEIGHT])
        async with asyncio.TaskGroup() as group:
            sockets = Sockets(
                cast(StreamChannel, Refusing(status, retry_after_s)),
                budget,
                post=posted.append,
                spawn=lambda work, name: group.create_task(work, name=name),
                now=now,
                finish=lambda step: "",
                logon_timeout_s=5.0,
            )
            sockets.open(OpenStream(LinkRole.PRIVATE, 1, "ws://x", ()))
        if not waits_s:
            await budget.acquire((("weight", 1),), Priority.QUERY, 2 * NS_PER_S)
            return
        late_ns = NS_PER_S + int(waits_s * NS_PER_S)
        with pytest.raises(RateLimited) as caught:
            await budget.acquire((("weight", 1),), Priority.CANCEL, late_ns)
        assert caught.value.wait_s == waits_s

    asyncio.run(body())
    assert [type(happened) for happened in posted] == [StreamClosed]
