"""The same session without asyncio: it runs in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from connector.config.defaults import DEFAULT_PROFILE
from connector.errors import SessionClosed, UsageError
from connector.model.account import Balance, Greeks, Margin, MarginMode, Position
from connector.model.events import Event, LinkState, ReconcileReport
from connector.model.instrument import Instrument, InstrumentKind
from connector.model.order import Fill, Order, OrderIntent, Outcome, PositionSide
from connector.session.events import EventStream
from connector.session.intents import Number, OrderOptions
from connector.session.live_order import LiveOrder, OrderRef
from connector.session.session import Session

_T = TypeVar("_T")

_FROM_INSIDE = (
    "called from the session's own thread (a callback): this would wait for itself "
    "for ever; hand it to another thread"
)


class SyncSession:
    """A `Session` for code without asyncio; takes the same arguments.

    ::

        with SyncSession("paper:binance") as s:
            order = s.buy("BTCUSDT", "0.010", limit="60000")
            for event in s.events(timeout_s=10):
                ...

    Every call runs in the session's own thread and raises what `Session` raises;
    reads return snapshots. May be used from several threads.
    """

    def __init__(self, profile: str = DEFAULT_PROFILE, **options: Any) -> None:
        self._profile = profile
        self._options = options
        self._session: Session | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stream: EventStream | None = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def open(self) -> None:
        """As `Session.open`."""
        if self._loop is not None:
            raise UsageError("this session is open already: close it first")
        started = threading.Event()
        loop = self._loop = asyncio.new_event_loop()

        def serve() -> None:
            asyncio.set_event_loop(loop)
            loop.call_soon(started.set)
            loop.run_forever()
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

        self._thread = threading.Thread(
            target=serve, name="connector.session", daemon=True
        )
        self._thread.start()
        started.wait()
        try:
            self._wait(self._open())
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """As `Session.close`; ends the thread."""
        if threading.current_thread() is self._thread:
            raise UsageError(_FROM_INSIDE)
        loop, self._loop = self._loop, None
        thread, self._thread = self._thread, None
        if loop is None or thread is None:
            return
        try:
            if self._session is not None:
                closing = asyncio.run_coroutine_threadsafe(self._session.close(), loop)
                closing.result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    # --- acting ---

    def buy(
        self, symbol: str, qty: Number | None, **options: Unpack[OrderOptions]
    ) -> LiveOrder:
        """As `Session.buy`; read it through `order`."""
        return self._wait(self._async.buy(symbol, qty, **options))

    def sell(
        self, symbol: str, qty: Number | None, **options: Unpack[OrderOptions]
    ) -> LiveOrder:
        """As `Session.sell`."""
        return self._wait(self._async.sell(symbol, qty, **options))

    def submit(self, intent: OrderIntent) -> LiveOrder:
        """As `Session.submit`."""
        return self._wait(self._async.submit(intent))

    def submit_batch(self, intents: Sequence[OrderIntent]) -> list[LiveOrder]:
        """As `Session.submit_batch`."""
        return self._wait(self._async.submit_batch(intents))

    def cancel(self, order: OrderRef) -> Outcome:
        """As `Session.cancel`."""
        return self._wait(self._async.cancel(order))

    def cancel_batch(self, orders: Sequence[OrderRef]) -> list[Outcome]:
        """As `Session.cancel_batch`."""
        return self._wait(self._async.cancel_batch(orders))

    def cancel_all(
        self, symbol: str | None = None, *, kind: InstrumentKind | str | None = None
    ) -> list[Order]:
        """As `Session.cancel_all`."""
        return self._wait(self._async.cancel_all(symbol, kind=kind))

    def amend(
        self,
        order: OrderRef,
        *,
        qty: Number | None = None,
        price: Number | None = None,
        trigger_price: Number | None = None,
    ) -> Outcome:
        """As `Session.amend`."""
        return self._wait(
            self._async.amend(order, qty=qty, price=price, trigger_price=trigger_price)
        )

    def set_leverage(self, symbol: str, leverage: int) -> None:
        """As `Session.set_leverage`."""
        self._wait(self._async.set_leverage(symbol, leverage))

    def set_margin_mode(self, symbol: str | None, mode: MarginMode | str) -> None:
        """As `Session.set_margin_mode`."""
        self._wait(self._async.set_margin_mode(symbol, mode))

    def set_hedge_mode(self, *, is_hedge: bool) -> None:
        """As `Session.set_hedge_mode`."""
        self._wait(self._async.set_hedge_mode(is_hedge=is_hedge))

    def recent_fills(self, symbol: str | None = None, *, since_ms: int) -> list[Fill]:
        """As `Session.recent_fills`."""
        return self._wait(self._async.recent_fills(symbol, since_ms=since_ms))

    def reconcile(self) -> ReconcileReport:
        """As `Session.reconcile`."""
        return self._wait(self._async.reconcile())

    def wait_live(self, *, timeout_s: float) -> None:
        """As `Session.wait_live`."""
        self._wait(self._async.wait_live(timeout_s=timeout_s))

    # --- reading ---

    def events(self, *, timeout_s: float | None = None) -> Iterator[Event]:
        """Events since opening; ends after *timeout_s* without one (None: never)."""
        stream = self._stream
        assert stream is not None, "open the session first"

        async def following() -> Event | None:
            try:
                async with asyncio.timeout(timeout_s):
                    return await anext(stream, None)
            except TimeoutError:
                return None

        while (event := self._wait(following())) is not None:
            yield event

    @property
    def orders(self) -> list[Order]:
        """As `Session.orders`."""
        return self._read(lambda s: s.orders)

    def order(self, client_order_id: str) -> Order | None:
        """As `Session.order`."""
        return self._read(lambda s: s.order(client_order_id))

    @property
    def positions(self) -> list[Position]:
        """As `Session.positions`."""
        return self._read(lambda s: s.positions)

    def position(
        self, symbol: str, position_side: PositionSide = PositionSide.NET
    ) -> Position | None:
        """As `Session.position`."""
        return self._read(lambda s: s.position(symbol, position_side))

    def exposure(self, symbol: str) -> tuple[Decimal, Decimal]:
        """As `Session.exposure`."""
        return self._read(lambda s: s.exposure(symbol))

    def instrument(self, symbol: str) -> Instrument:
        """As `Session.instrument`."""
        return self._read(lambda s: s.instrument(symbol))

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """As `Session.instruments`."""
        return self._read(lambda s: s.instruments)

    @property
    def greeks(self) -> Mapping[str, Greeks]:
        """As `Session.greeks`."""
        return self._read(lambda s: s.greeks)

    @property
    def environment(self) -> str:
        """As `Session.environment`."""
        return self._read(lambda s: s.environment)

    def preview(
        self, intent: OrderIntent, *, at_ms: int | None = None
    ) -> dict[str, Any]:
        """As `Session.preview`."""
        return self._read(lambda s: s.preview(intent, at_ms=at_ms))

    def mark_price(self, symbol: str) -> Decimal | None:
        """As `Session.mark_price`."""
        return self._read(lambda s: s.mark_price(symbol))

    @property
    def last_report(self) -> ReconcileReport | None:
        """As `Session.last_report`."""
        return self._read(lambda s: s.last_report)

    @property
    def age_s(self) -> float:
        """As `Session.age_s`."""
        return self._read(lambda s: s.age_s)

    @property
    def balances(self) -> Mapping[str, Balance]:
        """As `Session.balances`."""
        return self._read(lambda s: s.balances)

    @property
    def margin(self) -> Margin | None:
        """As `Session.margin`."""
        return self._read(lambda s: s.margin)

    @property
    def state(self) -> LinkState:
        """As `Session.state`."""
        return self._read(lambda s: s.state)

    @property
    def is_live(self) -> bool:
        """As `Session.is_live`."""
        return self._read(lambda s: s.is_live)

    def stats(self) -> dict[str, Any]:
        """As `Session.stats`."""
        return self._read(lambda s: s.stats())

    # --- how ---

    @property
    def _async(self) -> Session:
        if self._session is None:
            raise SessionClosed("the session is not open: `with SyncSession(...)`")
        return self._session

    async def _open(self) -> None:
        self._session = Session(self._profile, **self._options)
        await self._session.open()
        self._stream = self._session.events()

    def _wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        loop = self._loop
        if loop is None:
            work.close()
            raise SessionClosed("the session is closed")
        if threading.current_thread() is self._thread:
            work.close()
            raise UsageError(_FROM_INSIDE)
        future = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _read(self, read: Callable[[Session], _T]) -> _T:
        session = self._async

        async def reading() -> _T:
            return read(session)

        return self._wait(reading())
