"""Parts of this product alone, beside what they cannot be faster than: frames of each
venue, the limiter under load, the start with a long journal."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from bench_tools import Task, measure, resident_kib, serve

from connector.config import SessionConfig
from connector.core.limiter import Limiter
from connector.core.machine import SessionCore
from connector.dialect import Endpoints
from connector.model.clock import NS_PER_S
from connector.model.ids import Symbol
from connector.model.limits import BucketScope, BucketSpec, Priority
from connector.model.noun import to_text
from connector.model.order import OrderIntent, OrderStatus, OrderType, Side
from connector.runtime.clock import SystemClock
from connector.runtime.journal import Owner, Record
from connector.runtime.journal_file import FileJournal
from connector.session.gate import Gate, Permit
from connector.session.journaling import JournalWriter
from connector.venues.registry import dialect_for

GOLDEN = Path(__file__).parent.parent / "golden"
LIMIT, WINDOW_S, JITTER_S = 300, 10, 0.020


def frames_of(venue: str) -> list[bytes]:
    """Messages about orders and executions, as that venue pushes them."""
    if venue == "binance-usdm":
        path = GOLDEN / "binance_usdm" / "stream_order_lifecycle.jsonl"
        return [line.encode() for line in path.read_text().splitlines()]
    told: list[Any]
    if venue == "bybit-v5":
        named = json.loads((GOLDEN / "bybit_v5" / "frames.json").read_text())
        told = [f for n, f in named.items() if n.startswith(("order_", "execution_f"))]
    elif venue == "okx-v5":
        path = GOLDEN / "okx_v5" / "ws_orders.json"
        told = [row["msg"] for row in json.loads(path.read_text())["frames"]]
    else:
        path = GOLDEN / "deribit" / "push_user.json"
        told = [row["frame"] for row in json.loads(path.read_text())["frames"]]
    return [json.dumps(frame, separators=(",", ":")).encode() for frame in told]


async def frames_floor(task: Task) -> dict[str, Any]:
    """Bytes to dicts, by the fastest decoder there is."""
    raws = frames_of(task.venue)
    rounds = 1 + task.count // len(raws)
    with measure() as spent:
        for _ in range(rounds):
            for raw in raws:
                msgspec.json.decode(raw)
    return spent.per(rounds * len(raws))


async def frames(task: Task) -> dict[str, Any]:
    """Bytes to facts: typed, Decimals, every field that matters."""
    raws = frames_of(task.venue)
    read = dialect_for(task.venue).read_frame
    assert all(read(raw) for raw in raws)
    rounds = 1 + task.count // len(raws)
    with measure() as spent:
        for _ in range(rounds):
            for raw in raws:
                read(raw)
    return spent.per(rounds * len(raws))


class StrictServer:
    """Counts any window of the published length, by its own clock."""

    def __init__(self) -> None:
        self.arrivals: deque[float] = deque()
        self.accepted: list[float] = []
        self.rejected = 0

    def arrive(self) -> None:
        """A request is here."""
        now_s = time.monotonic()
        while self.arrivals and self.arrivals[0] <= now_s - WINDOW_S:
            self.arrivals.popleft()
        if len(self.arrivals) >= LIMIT:
            self.rejected += 1
            return
        self.arrivals.append(now_s)
        self.accepted.append(now_s)


async def limiter_load(task: Task) -> dict[str, Any]:
    """200 tasks that want all they can get, *count* windows long."""
    spec = BucketSpec(
        id="orders",
        scope=BucketScope.IP,
        limit=LIMIT,
        window_ns=WINDOW_S * NS_PER_S,
        jitter_ns=int(JITTER_S * NS_PER_S),
    )
    gate = Gate(Limiter([spec], time.monotonic_ns()), time.monotonic_ns)
    charge = gate.charge((("orders", 1),))
    server = StrictServer()
    loop = asyncio.get_running_loop()
    windows = max(1, task.count)
    began_s = time.monotonic()
    end_s = began_s + WINDOW_S * (windows + 1)
    rng = random.Random(1)

    def arrive(permit: Permit) -> None:
        server.arrive()
        permit.answered()

    async def trader() -> None:
        deadline_ns = int(end_s * NS_PER_S) + NS_PER_S * 60
        while time.monotonic() < end_s:
            permit = await gate.acquire(charge, Priority.PLACE, deadline_ns)
            if permit.departed():
                loop.call_later(rng.random() * JITTER_S, arrive, permit)

    traders = [asyncio.ensure_future(trader()) for _ in range(200)]
    with measure() as spent:
        await asyncio.sleep(end_s - time.monotonic())
    for one in traders:
        one.cancel()
    ended = await asyncio.gather(*traders, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in ended), ended[0]
    steady = sum(began_s + WINDOW_S < at_s <= end_s for at_s in server.accepted)
    return {
        "unused_pct": 100 * (1 - steady / (LIMIT * windows)),
        "rejected": server.rejected,
        "cpu_ms": spent.cpu_s / spent.wall_s * 1e3,
    }


def write_history(file: Path, fills: int) -> None:
    """What a session leaves that traded for weeks: two executions per order, the last
    thousand orders still remembered."""
    owner = Owner(profile="paper:binance", venue="binance-usdm")
    journal = FileJournal(file, owner, wall_ns=1, threaded=False)
    remembered: deque[list[tuple[str, str]]] = deque()
    batch: list[Record] = []
    for records in _orders(fills // 2):
        batch += records
        remembered.append([(record.kind, record.key) for record in records])
        if len(batch) >= 4_000:
            retired = []
            while len(remembered) > 1_000:
                retired += remembered.popleft()
            journal.append(batch, durable=False, retired=retired)
            batch = []
    journal.append(batch)
    journal.close()


def _orders(count: int) -> Iterator[list[Record]]:
    intent = to_text(
        OrderIntent(
            symbol=Symbol("BTCUSDT"),
            side=Side.BUY,
            order_type=OrderType.MARKET,
            qty=Decimal("0.010"),
            price=None,
        )
    )
    for number in range(count):
        name, order_id, at_ns = f"c{number}", 10_000_000 + number, 10**18 + number
        order = json.dumps(
            {
                "client_order_id": name, "symbol": "BTCUSDT", "side": Side.BUY,
                "order_type": OrderType.LIMIT, "status": OrderStatus.FILLED,
                "qty": "0.010", "price": "60000.10", "created_ns": at_ns,
                "venue_order_id": str(order_id), "filled_qty": "0.010",
                "fills_qty": "0.010", "venue_ns": at_ns, "terms_ns": at_ns,
            }
        )  # fmt: skip
        body = '{"qty":"0.005","price":"60000.10","fee":"0.12","fee_asset":"USDT"}'
        keys = [f"BTCUSDT/{order_id}/{2 * number + half}" for half in (0, 1)]
        yield [
            Record(kind="intent", key=name, wall_ns=at_ns, body=intent),
            Record(kind="order", key=name, wall_ns=at_ns, body=order),
            *(Record(kind="fill", key=k, wall_ns=at_ns, body=body) for k in keys),
        ]


async def start(task: Task) -> dict[str, Any]:
    """Open the journal, check it, replay it."""
    with TemporaryDirectory() as place:
        file = Path(place) / "journal.db"
        write_history(file, task.count)
        before_kib = resident_kib()
        clock = SystemClock()
        core = SessionCore(
            dialect_for("binance-usdm"),
            Endpoints(rest="r", stream="s", public="p"),
            SessionConfig(),
            id_prefix="x",
            rng=random.Random(1),
        )
        with measure() as spent:
            owner = Owner(profile="paper:binance", venue="binance-usdm")
            journal = FileJournal(file, owner, wall_ns=1)
            writer = JournalWriter(journal, clock, lambda _: None)
            core.restore(writer.restore(), clock.now())
        assert len(core.orders.all()) >= min(1_000, task.count // 2)
        journal.close()
    return {
        "wall_ms": spent.wall_s * 1e3,
        "cpu_ms": spent.cpu_s * 1e3,
        "mib": (resident_kib() - before_kib) / 1024,
    }


BENCHES = {
    "frames": frames,
    "frames_floor": frames_floor,
    "limiter_load": limiter_load,
    "start": start,
}

if __name__ == "__main__":
    serve(BENCHES)
