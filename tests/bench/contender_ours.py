"""This product as a contender. Prints one line of JSON; see `bench_tools`."""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench_tools import (
    Spread,
    Task,
    in_flight,
    measure,
    place_cancel,
    resident_kib,
    serve,
    start_burst,
    tell_venue,
)

from connector.config import SessionConfig
from connector.config.hosts import EndpointUrls
from connector.dialect.wire import HttpWire
from connector.model.credentials import ApiKey, Credentials, Secret
from connector.model.events import Event, FillEvent, OrderUpdate, Resynced
from connector.runtime.hosts import AllowList
from connector.runtime.http import HttpChannel
from connector.session import Session

SYMBOL = "BTCUSDT"


def session_on(task: Task, *, ws_api: bool = False, **options: Any) -> Session:
    """A session on the venue for measuring."""
    places = task.places
    return Session(
        "paper:binance",
        endpoints=EndpointUrls(
            rest=places["rest"],
            stream=places["stream"],
            public=places["public"],
            ws_api=places["ws_api"] if ws_api else "",
            key_info="",
        ),
        credentials=Credentials(
            api_key=ApiKey(places["api_key"]), secret=Secret(places["api_secret"])
        ),
        **{"journal": "memory", **options},
    )


async def ingest(task: Task) -> dict[str, Any]:
    """Events of a burst until `events()` has given the user the last fill."""
    await tell_venue(task, f"orders?count={task.orders}")
    async with session_on(task) as session:
        events = session.events()
        closed = 0
        wanted = task.count // 3
        with measure() as spent:
            burst = await start_burst(task)
            async for event in events:
                if isinstance(event, FillEvent):
                    closed += 1
                    if closed == wanted:
                        break
        await burst
        assert events.overflows == 0, "the queue ran full"
        return {**spent.per(task.count), "got": closed * 3}


async def ingest_callback(task: Task) -> dict[str, Any]:
    """The same, through `on_event`."""
    done = asyncio.Event()
    closed = 0

    def on_event(event: Event) -> None:
        nonlocal closed
        if isinstance(event, FillEvent):
            closed += 1
            if closed == task.count // 3:
                done.set()

    await tell_venue(task, f"orders?count={task.orders}")
    async with session_on(task, on_event=on_event) as session:
        assert len(session.orders) == task.orders
        await asyncio.sleep(task.settle_s)
        with measure() as spent:
            burst = await start_burst(task)
            await done.wait()
        await burst
        return {**spent.per(task.count), "got": closed * 3}


async def sessions(task: Task) -> dict[str, Any]:
    """Several sessions of one process, all of which get the whole burst."""
    closed = 0
    wanted = task.sessions * (task.count // 3)
    done = asyncio.Event()

    def on_event(event: Event) -> None:
        nonlocal closed
        if isinstance(event, FillEvent):
            closed += 1
            if closed == wanted:
                done.set()

    async with AsyncExitStack() as stack:
        for _ in range(task.sessions):
            await stack.enter_async_context(session_on(task, on_event=on_event))
        with measure() as spent:
            burst = await start_burst(task)
            await done.wait()
        await burst
    return {**spent.per(task.count * task.sessions), "got": closed * 3}


async def priority(task: Task) -> dict[str, Any]:
    """How soon a cancel leaves while a burst is being applied: by the clock, and by
    what this process computes meanwhile (on a busy machine it is not the only one)."""
    spread, computed = Spread(), Spread()
    async with session_on(task, ws_api=task.uses_ws_api) as session:
        orders = [
            await session.buy(SYMBOL, "0.010", limit="58000")
            for _ in range(task.orders)
        ]
        sent = session.latency["submit_to_sent"]
        events = session.events()
        burst = await start_burst(task)
        while events.backlog == 0:
            await asyncio.sleep(0)
        waits = []
        for order in orders:
            before, cpu_ns = sent.total_ns, time.process_time_ns()
            waits.append(asyncio.ensure_future(session.cancel(order)))
            while sent.total_ns == before:
                await asyncio.sleep(0)
            computed.add_ns(time.process_time_ns() - cpu_ns)
            spread.add_ns(sent.total_ns - before)
            await asyncio.sleep(0.002)
        during = session.latency["loop_lag"].summary()
        await asyncio.gather(*waits)
        await burst
    return {
        **spread.summary(),
        "cpu_p99_us": computed.summary()["p99_us"],
        "lag_ms": during["max_ms"],
        "got": spread.count,
    }


async def latency(task: Task) -> dict[str, Any]:
    """Wire to the user's function, at a rate."""
    spread = Spread()

    def on_event(event: Event) -> None:
        if isinstance(event, OrderUpdate) and event.order.status == "NEW":
            spread.add_ns(time.time_ns() - int(event.order.client_order_id[1:]))

    async with session_on(task, on_event=on_event):
        with measure() as spent:
            await (await start_burst(task))
            await asyncio.sleep(0.2)
        return {**spread.summary(), **spent.per(task.count), "got": spread.count * 3}


async def _place(task: Task, *, ws_api: bool) -> dict[str, Any]:
    with TemporaryDirectory() as place:
        given: dict[str, Any] = {"journal": "memory"}
        if task.journal != "memory":
            given = _on_disk(place, task.journal)
        async with session_on(task, ws_api=ws_api, **given) as session:
            return await place_cancel(
                task,
                lambda: session.buy(SYMBOL, "0.010", limit="58000"),
                session.cancel,
            )


async def place_rest(task: Task) -> dict[str, Any]:
    """Place and cancel over REST, journal and limiter included."""
    return await _place(task, ws_api=False)


async def place_ws(task: Task) -> dict[str, Any]:
    """Place and cancel over WebSocket, journal and limiter included."""
    return await _place(task, ws_api=True)


async def http_place(task: Task) -> dict[str, Any]:
    """Our HTTP channel alone: a signed-looking POST and its answer."""
    rest = task.places["rest"]
    channel = HttpChannel(AllowList([rest]), connect_timeout_s=5, read_timeout_s=5)
    spread = Spread()
    target = f"{rest}/fapi/v1/order?symbol=BTCUSDT&side=BUY&quantity=0.010&price=58000"
    wire = HttpWire(
        method="POST",
        url=f"{target}&signature={'a' * 64}",
        headers=(("X-MBX-APIKEY", "a" * 64),),
        body=b"",
        deadline_ms=None,
    )
    with measure() as spent:
        if task.in_flight == 1:
            for _ in range(task.count):
                began_ns = time.perf_counter_ns()
                await channel.send(wire, timeout_s=5)
                spread.add_ns(time.perf_counter_ns() - began_ns)
        else:
            await in_flight(task, lambda: channel.send(wire, timeout_s=10))
    await channel.close()
    return {**spread.summary(), **spent.per(task.count)}


async def sign(task: Task) -> dict[str, Any]:
    """A request to a signed wire, HMAC."""
    from connector.dialect.wire import Request
    from connector.venues.binance_usdm.sign import sign as sign_request
    from connector.venues.signing import make_signer

    signer = make_signer(Credentials(api_key=ApiKey("a" * 64), secret=Secret("b" * 64)))
    params = {
        "symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
        "quantity": "0.010", "price": "58000.0", "newOrderRespType": "RESULT",
    }  # fmt: skip
    request = Request(
        op="place",
        method="POST",
        path="/fapi/v1/order",
        params=tuple(params.items()),
        window_ms=5000,
    )
    with measure() as spent:
        for number in range(task.count):
            sign_request(request, signer, "https://x", 1_790_000_000_000 + number)
    return spent.per(task.count)


async def limiter(task: Task) -> dict[str, Any]:
    """One uncontended acquire of two buckets."""
    from connector.core.limiter import Limiter
    from connector.model.clock import NS_PER_S
    from connector.model.limits import BucketScope, BucketSpec, Priority

    limits = Limiter(
        [
            BucketSpec(
                id=name,
                scope=BucketScope.IP,
                limit=10**9,
                window_ns=window_s * NS_PER_S,
            )
            for name, window_s in (("weight-1m", 60), ("orders-10s", 10))
        ],
        0,
    )
    charge = limits.charge((("weight-1m", 1), ("orders-10s", 1)))
    with measure() as spent:
        for number in range(task.count):
            limits.try_acquire(charge, Priority.PLACE, number * 1_000_000)
    return spent.per(task.count)


async def sessions_place(task: Task) -> dict[str, Any]:
    """Several sessions of one process, one limiter: all place and cancel at once."""
    spread = Spread()

    async def trade(session: Session) -> None:
        for _ in range(task.count):
            began_ns = time.perf_counter_ns()
            order = await session.buy(SYMBOL, "0.010", limit="58000")
            spread.add_ns(time.perf_counter_ns() - began_ns)
            await session.cancel(order)

    async with AsyncExitStack() as stack:
        all_of_them = [
            await stack.enter_async_context(session_on(task))
            for _ in range(task.sessions)
        ]
        with measure() as spent:
            await asyncio.gather(*(trade(session) for session in all_of_them))
    return {**spread.summary(), **spent.per(2 * task.count * task.sessions)}


async def open_orders_again(task: Task) -> dict[str, Any]:
    """The same orders read by a session that is live: one reconciliation."""
    with TemporaryDirectory() as place:
        async with session_on(task, **_on_disk(place, "process")) as session:
            await asyncio.sleep(1.5)  # the first audit
            await tell_venue(task, f"orders?count={task.count}")
            with measure() as spent:
                await session.reconcile()
            assert len(session.orders) == task.count
            return spent.per(task.count)


async def order_memory(task: Task) -> dict[str, Any]:
    """What is allocated and stays, per order that rests; garbage aside."""
    with TemporaryDirectory() as place:
        async with session_on(task, **_on_disk(place, "process")) as session:
            await asyncio.sleep(1.5)
            await session.reconcile()
            gc.collect()
            tracemalloc.start(1)
            await tell_venue(task, f"orders?count={task.count}")
            await session.reconcile()
            assert len(session.orders) == task.count
            await asyncio.sleep(5)  # the disk has its turn, the next audit reports
            await session.reconcile()
            gc.collect()
            held, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            return {"bytes": held / task.count}


async def open_orders(task: Task) -> dict[str, Any]:
    """Resting orders read at the start, into state and journal; memory of each."""
    await tell_venue(task, f"orders?count={task.count}")
    before_kib = resident_kib()
    with measure() as spent:
        session = session_on(task)
        await session.open()
    assert len(session.orders) == task.count
    kib = (resident_kib() - before_kib) / task.count
    await session.close()
    return {**spent.per(task.count), "kib": kib}


async def reconcile(task: Task) -> dict[str, Any]:
    """The stream is lost, and so many executions of the orders that rest with it: from
    there to LIVE, with a report that names all of them."""
    await tell_venue(task, f"orders?count={task.orders}&qty=9.000")
    with TemporaryDirectory() as place:
        async with session_on(task, **_on_disk(place, "process")) as session:
            events = session.events()
            await tell_venue(task, f"fills?count={task.count}")
            with measure() as spent:
                await tell_venue(task, "drop")
                async for event in events:
                    if isinstance(event, Resynced) and event.report.missed_fills:
                        break
            assert len(event.report.missed_fills) == task.count
            assert not event.report.differences_left
    return {
        **spent.per(task.count),
        "cpu_s": spent.cpu_s,
        "requests": event.report.requests,
    }


def _on_disk(place: str, durability: str) -> dict[str, Any]:
    return {
        "journal": Path(place) / "journal.db",
        "config": SessionConfig(durability=durability, event_queue_max=1_000_000),
    }


async def memory(task: Task) -> dict[str, Any]:
    """Resident memory of a process with one live session."""
    async with session_on(task, ws_api=True) as session:
        assert session.is_live
        return {"rss_mib": resident_kib() / 1024}


BENCHES = {
    "ingest": ingest,
    "ingest_callback": ingest_callback,
    "latency": latency,
    "priority": priority,
    "sessions": sessions,
    "place_rest": place_rest,
    "place_ws": place_ws,
    "http": http_place,
    "sign": sign,
    "limiter": limiter,
    "memory": memory,
    "open_orders": open_orders,
    "open_orders_again": open_orders_again,
    "order_memory": order_memory,
    "reconcile": reconcile,
    "sessions_place": sessions_place,
}

if __name__ == "__main__":
    serve(BENCHES)
