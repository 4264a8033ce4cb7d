"""Sessions used wrongly, cancelled anywhere, closed at the worst time."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from venue import API_KEY, API_SECRET, desk, paper_server, session_on, urls_of

from connector import SyncSession
from connector.config import SessionConfig
from connector.core.inputs import Tick
from connector.errors import (
    ConfigError,
    InvalidOrder,
    SessionClosed,
    Unreachable,
    UsageError,
)
from connector.model.credentials import ApiKey, Credentials, Secret
from connector.model.events import Event, FillEvent, Gap, GapReason, OrderUpdate
from connector.model.order import Accepted, InDoubt, OrderStatus
from connector.runtime.journal import Owner
from connector.runtime.journal_memory import MemoryJournal
from connector.session import Session

VENUE = "binance-usdm"


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run with a bound."""

    async def bounded() -> Any:
        async with asyncio.timeout(60):
            return await work

    return asyncio.run(bounded())


def new_session(server: Any, **options: Any) -> Session:
    """A session that is not open yet."""
    return Session(
        f"paper:{VENUE}",
        endpoints=urls_of(server),
        credentials=Credentials(api_key=ApiKey(API_KEY), secret=Secret(API_SECRET)),
        journal="memory",
        **options,
    )


def memory_journal() -> MemoryJournal:
    """A journal to look into afterwards."""
    return MemoryJournal(Owner(profile=f"paper:{VENUE}", venue=VENUE))


# --- opening ---


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13, 21, 34, 55])
def test_opening_may_be_cancelled_at_any_point(turns: int) -> None:
    """Cancellation comes out as cancellation, and nothing is left running."""

    async def body() -> None:
        async with paper_server(
            VENUE, api_key=API_KEY, api_secret=API_SECRET, seed=1
        ) as server:
            session = new_session(server)
            task = asyncio.create_task(session.open())
            for _ in range(turns):
                await asyncio.sleep(0)
            if task.cancel():
                with pytest.raises(asyncio.CancelledError):
                    await task
            await session.close()
            names = {t.get_name() for t in asyncio.all_tasks()}
            assert not [n for n in names if n.startswith(("session", "call", "stream"))]
            assert not session.is_live

    run(body())


def test_opening_twice_is_refused_while_it_opens() -> None:
    """One session, one run: the second call says so and harms nothing."""

    async def body() -> None:
        async with paper_server(
            VENUE, api_key=API_KEY, api_secret=API_SECRET, seed=1
        ) as server:
            session = new_session(server)
            first = asyncio.create_task(session.open())
            await asyncio.sleep(0)
            with pytest.raises(UsageError, match="make a new one"):
                await session.open()
            await first
            assert session.is_live
            await session.close()

    run(body())


def test_a_session_that_failed_to_open_is_not_opened_again() -> None:
    """A new attempt is a new session."""

    async def body() -> None:
        session = Session("paper:nowhere-such-venue", journal="memory")
        with pytest.raises(ConfigError):
            await session.open()
        with pytest.raises(UsageError, match="make a new one"):
            await session.open()

    run(body())


# --- closing ---


def test_an_order_without_an_answer_at_close_is_in_doubt() -> None:
    """Law 2: closing is no answer. Whoever waits hears that nobody knows."""

    async def body() -> None:
        config = SessionConfig(close_timeout_s=0.3)
        async with desk(VENUE, config=config) as at:
            at.control("hang_after", path="order", times=1)
            placing = asyncio.create_task(
                at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
            )
            await at.until(lambda: len(at.ledger()["orders"]) == 1)
            at.control("drop", event="ORDER_TRADE_UPDATE", times=100)
            await at.session.close()
            order = await placing
            assert order.status in (OrderStatus.NEW, OrderStatus.IN_DOUBT)
            assert isinstance(order.outcome, (InDoubt, Accepted))

    run(body())


def test_an_unanswered_order_unseen_by_the_stream_at_close() -> None:
    """Law 2: the same with a mute stream: InDoubt, and the journal keeps it so."""
    journal = memory_journal()

    async def body() -> None:
        config = SessionConfig(close_timeout_s=0.3)
        async with desk(VENUE, config=config, journal=journal) as at:
            at.control("drop", event="ORDER_TRADE_UPDATE", times=100)
            at.control("hang_after", path="order", times=1)
            placing = asyncio.create_task(
                at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
            )
            while len(at.ledger()["orders"]) != 1:
                await asyncio.sleep(0.01)
            await at.session.close()
            order = await placing
            assert isinstance(order.outcome, InDoubt)
            (kept,) = [r for r in journal.disk.rows.values() if r.kind == "order"]
            assert '"in_doubt_since_ns":null' not in kept.body

    run(body())


def test_cancelling_the_session_writes_what_was_known() -> None:
    """Law 4: Ctrl-C is not a loss of records: what waited for the disk is written."""
    journal = memory_journal()

    async def body() -> None:
        async with desk(VENUE, journal=journal) as at:
            runner = at.session._runner
            assert runner is not None
            shell = at.session._open_shell
            core = shell.core
            core.merger.record("fill", "A/1/1", "{}")
            shell.post(Tick())
            runner.cancel()
            with pytest.raises(asyncio.CancelledError):
                await runner
            kept = [r.key for r in journal.disk.rows.values() if r.kind == "fill"]
            assert kept == ["A/1/1"]
            at.session._runner = None

    run(body())


def test_closing_may_be_cancelled_and_asked_for_again() -> None:
    """The session closes all the same, and the second call waits for it."""

    async def body() -> None:
        async with desk(VENUE) as at:
            for turns in range(4):
                closing = asyncio.create_task(at.session.close())
                for _ in range(turns):
                    await asyncio.sleep(0)
                closing.cancel()
                await asyncio.wait({closing})
            await asyncio.gather(at.session.close(), at.session.close())
            assert at.session._open_shell.is_closed
            assert not [t for t in asyncio.all_tasks() if t.get_name() == "session"]

    run(body())


def test_after_close_everything_says_so() -> None:
    """Acting raises SessionClosed, whatever the act; reading shows the last state."""

    async def body() -> None:
        async with desk(VENUE) as at:
            session = at.session
            order = await session.buy(at.symbol, "0.010", limit=at.price("0.97"))
            await session.close()
            await session.close()
            acts: list[Coroutine[Any, Any, Any]] = [
                session.buy(at.symbol, "0.010", limit="100"),
                session.sell(at.symbol, "0.010", reduce_only=True),
                session.cancel(order),
                session.cancel_all(),
                session.amend(order, price="100"),
                session.set_leverage(at.symbol, 5),
                session.reconcile(),
                session.recent_fills(at.symbol, since_ms=0),
                session.changed(),
                session.wait_live(timeout_s=1),
            ]
            for act in acts:
                with pytest.raises(SessionClosed):
                    await act
            assert not session.is_live
            assert [o.client_order_id for o in session.orders] == [
                order.client_order_id
            ]
            assert [event async for event in session.events()] == []

    run(body())


@pytest.mark.parametrize(
    "read",
    [
        lambda s: s.stats(),
        lambda s: s.environment,
        lambda s: s.preview(None),
        lambda s: s.orders,
        lambda s: s.events(),
    ],
    ids=["stats", "environment", "preview", "orders", "events"],
)
def test_before_opening_everything_says_so(read: Callable[[Session], Any]) -> None:
    """SessionClosed, never an AssertionError."""
    with pytest.raises(SessionClosed, match="not open"):
        read(Session("paper:binance"))


# --- bad wishes ---


def test_cancelling_all_of_nothing_is_refused() -> None:
    """Law 11: a symbol that does not exist is refused here, with close names."""

    async def body() -> None:
        async with desk(VENUE) as at:
            with pytest.raises(InvalidOrder, match="the venue trades"):
                await at.session.cancel_all("BTCUSDTT")
            assert await at.session.cancel_all(at.symbol) == []

    run(body())


def test_a_reconciliation_on_demand_has_a_bound() -> None:
    """Law 12: while the stream is away nothing can be compared; the wait ends."""

    async def body() -> None:
        config = SessionConfig(open_timeout_s=1.0)
        async with desk(VENUE, config=config) as at:
            at.control("outage", kinds=["private"], hold=60)
            await at.until(lambda: not at.session.is_live)
            with pytest.raises(Unreachable, match="reconcil"):
                await at.session.reconcile()

    run(body())


# --- events ---


def test_abandoned_event_streams_are_forgotten() -> None:
    """Law 12: leaving `async for` and asking again a thousand times keeps nothing."""

    async def body() -> None:
        async with desk(VENUE) as at:
            kept = at.session.events()
            left = [weakref.ref(at.session.events()) for _ in range(1000)]
            gc.collect()
            assert [ref for ref in left if ref() is not None] == []
            await (await at.session.buy(at.symbol, "0.010")).wait_done(5)
            kinds = {type(await anext(kept)) for _ in range(kept.backlog)}
            assert FillEvent in kinds

    run(body())


def test_a_cancelled_wait_loses_nothing_of_an_overflow() -> None:
    """`asyncio.timeout` around the next event, at any point of the re-sync after an
    overflow: the gap and every fill are still told, once."""

    async def body() -> None:
        config = SessionConfig(event_queue_max=3)
        async with desk(VENUE, config=config) as at:
            events = at.session.events()
            for _ in range(4):
                await (await at.session.buy(at.symbol, "0.010")).wait_done(5)
            assert events.overflows
            told: list[Event] = []
            for _ in range(400):
                waiting = asyncio.ensure_future(anext(events))
                await asyncio.sleep(0)
                waiting.cancel()
                try:
                    told.append(await waiting)
                except asyncio.CancelledError:
                    at.session._open_shell._journal._settled.clear()
                    again = asyncio.ensure_future(anext(events))
                    await asyncio.sleep(0)
                    again.cancel()
                    at.session._open_shell._journal._settled.set()
                    try:
                        told.append(await again)
                    except asyncio.CancelledError:
                        continue
            gaps = [e for e in told if isinstance(e, Gap)]
            fills = [e.fill.trade_id for e in told if isinstance(e, FillEvent)]
            assert [gap.reason for gap in gaps] == [GapReason.OVERFLOW]
            assert len(fills) == len(set(fills)) == 4

    run(body())


# --- callbacks ---


def test_a_callback_may_act_at_once() -> None:
    """A callback that starts a call synchronously does not tear a state change: its
    wish is taken after the one under way."""
    depth: list[int] = []
    tasks: list[Any] = []

    async def body() -> None:
        async with desk(VENUE) as at:
            shell = at.session._open_shell
            feed = shell.core.feed
            running = 0

            def watched(*args: Any) -> Any:
                nonlocal running
                running += 1
                depth.append(running)
                try:
                    return feed(*args)
                finally:
                    running -= 1

            shell.core.feed = watched
            order: list[str] = []
            execute = shell._execute

            def noted(effect: Any) -> None:
                order.append(f"begin {type(effect).__name__}")
                execute(effect)
                order.append("end")

            shell._execute = noted

            def callback(event: Event) -> None:
                if isinstance(event, OrderUpdate) and not tasks:
                    work = at.session.cancel_batch([event.order])
                    tasks.append(work)
                    work.send(None)  # up to its first wait, inside the callback

            shell.audience.on_event = callback
            await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
            open_effects = 0
            for step in order:
                open_effects += 1 if step.startswith("begin") else -1
                assert open_effects in (0, 1), order
            tasks[0].close()

    run(body())
    assert max(depth) == 1


def test_a_sync_session_refuses_calls_from_its_own_thread() -> None:
    """A callback runs in the session's thread: waiting there would wait for ever."""
    errors: list[BaseException] = []
    holder: list[SyncSession] = []

    def callback(event: Event) -> None:
        if isinstance(event, OrderUpdate) and not errors:
            for wait in (lambda: holder[0].buy("BTCUSDT", "0.010"), holder[0].close):
                try:
                    wait()
                except UsageError as error:
                    errors.append(error)

    with SyncSession("paper:binance", on_event=callback) as s:
        holder.append(s)
        with pytest.raises(UsageError, match="open already"):
            s.open()
        s.buy("BTCUSDT", "0.010")
    assert len(errors) == 2


def test_a_sync_session_can_do_what_a_session_can() -> None:
    """Every public call and read has its twin; what has none is said here."""
    public = {name for name in dir(Session) if not name.startswith("_")}
    # Waiting is what every call does, and histograms are in `stats`.
    assert public - set(dir(SyncSession)) == {"changed", "latency"}
    with SyncSession("paper:binance") as s:
        s.buy("BTCUSDT", "0.010").order  # noqa: B018 - filled before it is looked at
        assert s.instrument("BTCUSDT").symbol == "BTCUSDT"
        assert s.recent_fills("BTCUSDT", since_ms=0)
        low, high = s.exposure("BTCUSDT")
        held = s.position("BTCUSDT")
        assert held is not None
        assert low == high == held.qty
        assert (s.age_s, s.is_live) == (0, True)
        assert s.last_report is not None
        assert s.mark_price("BTCUSDT")


# --- two sessions, broken machines ---


def test_two_sessions_with_one_key_in_one_process() -> None:
    """Each sees the other's orders as external; closing one disturbs nothing of the
    other's, its connection limits included."""

    async def body() -> None:
        async with desk(VENUE) as at, session_on(at.server, VENUE) as other:
            mine = await at.session.buy(at.symbol, "0.010", limit=at.price("0.97"))
            async with asyncio.timeout(5):
                while not other.orders:
                    await other.changed()
            (seen,) = other.orders
            assert seen.client_order_id == mine.client_order_id
            assert seen.origin == "external"
            before = {view.id for view in at.session._open_shell.budget.view().buckets}
            await other.close()
            view = at.session._open_shell.budget.view()
            mine_now = {bucket.id for bucket in view.buckets}
            lost = before - mine_now
            connections = at.session._open_shell._sockets._open
            for role, epoch in connections:
                name = f"@{role.value}-{epoch}"
                assert [b for b in mine_now if name in b], "its limits are in force"
            assert [b for b in lost if "@" in b], "those of the other are not"
            assert isinstance(await mine.cancel(), Accepted)

    run(body())


def test_a_broken_machine_ends_the_session_and_says_so() -> None:
    """An exception of ours in a timer must not leave a session that looks alive."""

    async def body() -> None:
        async with desk(VENUE) as at:
            session = at.session
            shell = session._open_shell

            def broken(*args: Any) -> Any:
                raise AssertionError("a mistake of ours")

            shell.core.feed = broken
            shell._tick()
            runner = session._runner
            assert runner is not None
            await asyncio.wait({runner}, timeout=5)
            assert runner.done()
            assert not session.is_live
            with pytest.raises(AssertionError, match="a mistake of ours"):
                await session.close()

    run(body())
