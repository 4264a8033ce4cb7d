"""Session over loopback: what is not one of the venue-neutral conformance cases."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from venue import API_KEY, API_SECRET, Desk, desk, session_on, urls_of

import connector
from connector import SyncSession
from connector.config import SessionConfig
from connector.config.hosts import EndpointUrls
from connector.errors import (
    ConfigError,
    JournalError,
    JournalLocked,
    KeyRefused,
    SessionClosed,
    Unreachable,
    UsageError,
)
from connector.model.credentials import ApiKey, Credentials, Secret
from connector.model.events import (
    Alarm,
    Event,
    FillEvent,
    Gap,
    GapReason,
    OrderUpdate,
    Resynced,
    UnknownMessage,
    event_dict,
)
from connector.model.order import Accepted, OrderStatus
from connector.paper.faces import SocketKind
from connector.paper.venue import paper_server
from connector.session import Session

VENUE = "binance-usdm"


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run with a bound."""

    async def bounded() -> Any:
        async with asyncio.timeout(60):
            return await work

    return asyncio.run(bounded())


def key(name: str = API_KEY, secret: str = API_SECRET) -> Credentials:
    """Credentials made for a test."""
    return Credentials(api_key=ApiKey(name), secret=Secret(secret))


def test_public_names_are_sorted_and_importable() -> None:
    """Public is what `connector.__all__` lists, and all of it exists."""
    assert sorted(connector.__all__) == connector.__all__
    for name in connector.__all__:
        assert getattr(connector, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = connector.Nonsense


def test_wrong_secret_is_key_refused() -> None:
    """A wrong secret: KeyRefused, with the venue's words and what to do next."""

    async def body() -> None:
        async with paper_server(
            "binance-usdm", api_key=API_KEY, api_secret=API_SECRET
        ) as server:
            with pytest.raises(KeyRefused, match="connector keys check"):
                async with Session(
                    "paper:binance",
                    endpoints=urls_of(server),
                    credentials=key(secret="wrong-secret-wrong-secret"),
                    journal="memory",
                ):
                    pass

    run(body())


def test_unknown_key_is_key_refused() -> None:
    """A key of another environment: KeyRefused."""

    async def body() -> None:
        async with paper_server(
            "binance-usdm", api_key=API_KEY, api_secret=API_SECRET
        ) as server:
            with pytest.raises(KeyRefused, match="refuses the key"):
                async with Session(
                    "paper:binance",
                    endpoints=urls_of(server),
                    credentials=key(name="a-key-nobody-knows-0001"),
                    journal="memory",
                ):
                    pass

    run(body())


def test_nobody_listens_is_unreachable() -> None:
    """No server: Unreachable after the bound, naming the last trouble."""

    async def body() -> None:
        nowhere = EndpointUrls(
            rest="http://127.0.0.1:9",
            stream="ws://127.0.0.1:9/private",
            public="ws://127.0.0.1:9/market",
        )
        with pytest.raises(Unreachable, match=r"not live within 0\.5 s.*clock"):
            async with Session(
                "paper:binance",
                endpoints=nowhere,
                credentials=key(),
                journal="memory",
                config=SessionConfig(open_timeout_s=0.5),
            ):
                pass

    run(body())


@pytest.mark.parametrize(
    "rest", ["http://example.com", "https://fapi.binance.com.evil.example"]
)
def test_plain_text_or_foreign_host_is_refused(rest: str) -> None:
    """Signed bytes go to allow-listed hosts over TLS; plain text on loopback only."""

    async def body() -> None:
        urls = EndpointUrls(
            rest=rest, stream="ws://127.0.0.1:9", public="ws://127.0.0.1:9"
        )
        with pytest.raises(ConfigError):
            async with Session(
                "paper:binance", endpoints=urls, credentials=key(), journal="memory"
            ):
                pass

    run(body())


def test_reading_before_opening_says_so() -> None:
    """A session that is not open says how to open one."""

    async def body() -> None:
        session = Session("paper:binance")
        with pytest.raises(SessionClosed, match="async with"):
            _ = session.orders
        await session.close()

    run(body())


def test_opened_twice_is_refused() -> None:
    """One object, one opening."""

    async def body() -> None:
        async with desk(VENUE) as at:
            with pytest.raises(UsageError, match="opened already"):
                await at.session.open()

    run(body())


def test_second_session_on_one_journal_is_refused(tmp_path: Path) -> None:
    """One writer: the second process on the same journal is told who has it."""

    async def body() -> None:
        file = tmp_path / "j.db"
        async with desk(VENUE, journal=file) as at:
            with pytest.raises(JournalLocked):
                async with session_on(at.server, VENUE, journal=file):
                    pass
            assert at.session.is_live

    run(body())


def test_two_sessions_share_the_limiter() -> None:
    """Sessions of one process with the same key see each other's use."""

    async def body() -> None:
        async with desk(VENUE) as at, session_on(at.server, VENUE) as other:
            await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
            mine = {row["id"]: row["used"] for row in at.session.stats()["limits"]}
            theirs = {row["id"]: row["used"] for row in other.stats()["limits"]}
            assert mine == theirs
            await other.reconcile()
            assert len(other.orders) == 1

    run(body())


def test_overflow_leads_to_a_resync_never_to_loss() -> None:
    """A consumer that sleeps through 60 events gets a Gap, then every fill."""

    async def body() -> None:
        config = SessionConfig(event_queue_max=20)
        async with desk(VENUE, config=config) as at:
            events = at.session.events()
            for _ in range(15):
                await (await at.session.buy(at.symbol, "0.002")).wait_done(5)
            await asyncio.sleep(0.1)
            assert events.dropped > 0
            seen = []
            fills = len(at.ledger()["fills"])
            while sum(isinstance(e, FillEvent) for e in seen) < fills:
                seen.append(await asyncio.wait_for(anext(events), 5))
            gaps = [e for e in seen if isinstance(e, Gap)]
            assert [g.reason for g in gaps] == [GapReason.OVERFLOW]
            trades = [e.fill.trade_id for e in seen if isinstance(e, FillEvent)]
            assert len(trades) == len(set(trades)) == fills
            ledger = {row["trade_id"] for row in at.ledger()["fills"]}
            assert {int(trade) for trade in trades} == {int(t) for t in ledger}
            at.control("liquidity", symbol=at.symbol, factor="1")
            order = await at.session.buy(at.symbol, "0.002", limit=at.price("0.97"))
            async with asyncio.timeout(5):
                async for event in events:
                    if (
                        isinstance(event, OrderUpdate)
                        and event.order.client_order_id == order.client_order_id
                    ):
                        break

    run(body())


def test_a_callback_that_raises_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The user's exception is logged; events, orders and reads go on."""
    told: list[Event] = []

    def callback(event: Event) -> None:
        told.append(event)
        raise RuntimeError("user code")

    async def body() -> None:
        async with desk(VENUE, on_event=callback) as at:
            await (await at.session.buy(at.symbol, "0.010")).wait_done(5)
            assert at.session.is_live

    run(body())
    assert any(isinstance(event, FillEvent) for event in told)
    assert "callback_failed" in caplog.text


def test_cancelled_await_loses_nothing() -> None:
    """Cancelling `buy` after bytes may have left: the order is still tracked."""

    async def body() -> None:
        async with desk(VENUE) as at:
            at.control("delay_reply", path="order", ms=400, times=1)
            task = asyncio.create_task(
                at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
            )
            await asyncio.sleep(0.15)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await at.until(
                lambda: [o.status for o in at.session.orders] == [OrderStatus.NEW]
            )

    run(body())


def test_strange_frames_are_survived() -> None:
    """Unknown events, non-UTF-8, depth 10,000, huge numbers: kept raw, survived."""
    frames: list[Any] = [
        '{"e":"SOMETHING_NEW","E":1}',
        '{"e":"ORDER_TRADE_UPDATE","E":1,"T":1,"o":{"s":"BTCUSDT","X":"NEWER"}}',
        "[" * 10_000 + "]" * 10_000,
        '{"a":' * 10_000 + "1" + "}" * 10_000,
        "not json",
        '{"e":null}',
        "1e999999999",
        '"' + "x" * 100_000 + '"',
    ]

    async def body() -> None:
        async with desk(VENUE) as at:
            events = at.session.events()
            for text in frames:
                push_private(at, text)
            await asyncio.sleep(0.3)
            await at.session.wait_live(timeout_s=10)
            kinds = []
            while events.backlog:
                kinds.append(await anext(events))
            assert any(isinstance(e, UnknownMessage) for e in kinds)
            for event in kinds:
                assert len(str(event_dict(event))) < 10_000
            order = await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
            assert isinstance(order.outcome, Accepted)

    run(body())


def test_a_frame_of_20_mb_ends_the_stream_not_the_session() -> None:
    """Above the cap: that connection is dropped, the session reconnects."""

    async def body() -> None:
        async with desk(VENUE) as at:
            events = at.session.events()
            push_private(at, '"' + "x" * 20_000_000 + '"')
            report = (await at.resynced(events, timeout_s=20)).report
            assert report.reason is GapReason.DISCONNECT
            assert at.session.is_live

    run(body())


def test_journal_full_refuses_orders_and_allows_cancels() -> None:
    """A full disk: no new orders (nothing sent), cancels work, and it recovers."""
    from connector.runtime.journal import Owner
    from connector.runtime.journal_memory import JournalFaults, MemoryJournal

    faults = JournalFaults()
    journal = MemoryJournal(
        Owner(profile="paper:binance-usdm", venue=VENUE), faults=faults
    )

    async def body() -> None:
        async with desk(VENUE, journal=journal) as at:
            order = await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
            events = at.session.events()
            faults.is_full = True
            with pytest.raises(JournalError, match="full"):
                await at.session.buy(at.symbol, "0.010", limit=at.price("0.96"))
            assert len(at.ledger()["orders"]) == 1
            assert isinstance(await order.cancel(), Accepted)
            alarms = []
            while events.backlog:
                event = await anext(events)
                if isinstance(event, Alarm):
                    alarms.append(event.code)
            assert "journal.failed" in alarms
            faults.is_full = False
            again = await at.session.buy(at.symbol, "0.010", limit=at.price("0.96"))
            assert isinstance(again.outcome, Accepted)

    run(body())


def test_restart_replays_the_journal(tmp_path: Path) -> None:
    """A new session on the same journal knows the orders, fills and sums; a fill
    that happened in between is recovered, none is told twice."""
    file = tmp_path / "j.db"

    async def body() -> None:
        async with desk(VENUE, journal=file) as at:
            await (await at.session.buy(at.symbol, "0.010")).wait_done(5)
            resting = await at.session.buy(at.symbol, "0.010", limit=at.price("0.99"))
            core = at.session._open_shell.core
            await at.session.close()
            before = core.state_hash()
            at.control("trade", symbol=at.symbol, price=str(resting.order.price))
            told: list[Event] = []
            async with session_on(
                at.server, VENUE, journal=file, on_event=told.append
            ) as again:
                fills = [e for e in told if isinstance(e, FillEvent)]
                assert [e.fill.client_order_id for e in fills] == [
                    resting.client_order_id
                ]
                assert fills[0].recovered
                report = next(e for e in told if isinstance(e, Resynced)).report
                assert report.external_orders == ()
                assert report.differences_left == ()
                assert again.positions[0].qty == D("0.020")
                assert before != again._open_shell.core.state_hash()

    run(body())


def test_key_that_can_withdraw_is_refused() -> None:
    """Refused at start unless the user insists."""
    from connector.paper.faces.binance_usdm import ApiKey as PaperKey

    async def body() -> None:
        async with paper_server(
            "binance-usdm",
            api_key="another-key-000001",
            api_secret="another-secret-000001",
            more_keys=[PaperKey(key=API_KEY, verifier=API_SECRET, can_withdraw=True)],
        ) as server:
            with pytest.raises(KeyRefused, match="withdraw"):
                async with session_on(server, VENUE):
                    pass
            config = SessionConfig(allow_withdraw_key=True)
            async with session_on(server, VENUE, config=config) as session:
                assert session.is_live

    run(body())


def test_sync_session_does_it_all_without_asyncio() -> None:
    """The same calls from plain code, and events with a bound."""
    with SyncSession("paper:binance") as s:
        order = s.buy("BTCUSDT", "0.010")
        assert isinstance(order.outcome, Accepted)
        kinds = {type(event).__name__ for event in s.events(timeout_s=0.5)}
        assert {"FillEvent", "OrderUpdate", "PositionUpdate"} <= kinds
        assert s.positions[0].qty == D("0.010")
        closed = s.sell("BTCUSDT", "0.010", reduce_only=True)
        assert isinstance(closed.outcome, Accepted)
        assert s.reconcile().is_clean
        assert s.stats()["is_live"]
    with pytest.raises(SessionClosed):
        s.buy("BTCUSDT", "0.010")


def push_private(at: Desk, text: str) -> None:
    """Send any text on the venue's private sockets."""
    for link in at.server.connections_of(SocketKind.PRIVATE):
        link.send_text(text)
