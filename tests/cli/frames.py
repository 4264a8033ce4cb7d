"""Frames of `connector watch` made by hand, for tests of the drawing."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

from connector.cli.watch_view import ChannelView, LatencyView, LimitView, WatchView
from connector.model.account import Margin, Position, Source, Stamp
from connector.model.events import Adjustment, GapReason, ReconcileReport
from connector.model.ids import ClientOrderId, Symbol, TradeId, VenueOrderId
from connector.model.noun import replace
from connector.model.order import (
    Fill,
    Order,
    OrderStatus,
    OrderType,
    PositionSide,
    Side,
)

NOW_NS = 1_795_604_150_388_868_498
S = 1_000_000_000
STAMP = Stamp(source=Source.COMPUTED, venue_ns=NOW_NS, received_mono_ns=1)


def order(number: int, status: OrderStatus = OrderStatus.NEW, **more: object) -> Order:
    """An open order."""
    basis = Order(
        client_order_id=ClientOrderId(f"c7pw2e52001x{number}"),
        venue_order_id=VenueOrderId(str(715550000000 + number)),
        symbol=Symbol("BTCUSDT"),
        side=Side.BUY if number % 2 else Side.SELL,
        order_type=OrderType.LIMIT,
        status=status,
        qty=Decimal("0.030"),
        price=Decimal("59987.5") + number * 10,
        created_ns=NOW_NS - number * 7 * S,
    )
    return replace(basis, **more)


def fill(number: int) -> Fill:
    """An execution."""
    return Fill(
        symbol=Symbol("BTCUSDT"),
        client_order_id=ClientOrderId(f"c7pw2e52001x{number}"),
        venue_order_id=VenueOrderId(str(number)),
        trade_id=TradeId(str(5012345011 + number)),
        side=Side.BUY if number % 3 else Side.SELL,
        qty=Decimal("0.012"),
        price=Decimal("59987.70") - number,
        fee=Decimal("0.4799016"),
        fee_asset="USDT",
        realized_pnl=Decimal(0) if number % 3 else Decimal("-12.345"),
        venue_ns=NOW_NS - number * 13 * S,
    )


def position(symbol: str, qty: str, entry: str, mark: str, end: str | None) -> Position:
    """A position with its live numbers."""
    return Position(
        symbol=Symbol(symbol),
        position_side=PositionSide.NET,
        qty=Decimal(qty),
        entry_price=Decimal(entry),
        stamp=STAMP,
        leverage=20,
        mark_price=Decimal(mark),
        unrealized_pnl=(Decimal(mark) - Decimal(entry)) * Decimal(qty),
        liquidation_price=None if end is None else Decimal(end),
    )


def report(**more: object) -> ReconcileReport:
    """What a gap of two seconds cost."""
    basis = ReconcileReport(
        reason=GapReason.DISCONNECT,
        gap_start_ns=NOW_NS - 100 * S,
        gap_end_ns=NOW_NS - 98 * S,
        duration_ms=33.5,
        rounds=1,
        missed_fills=(fill(1),),
        external_orders=(order(9),),
        in_doubt_resolved=(order(5),),
        duplicates_dropped=2,
    )
    return replace(basis, **more)


def quiet_view() -> WatchView:
    """A session that has done nothing yet."""
    return WatchView(
        profile="paper:binance",
        environment="paper",
        venue="binance-usdm",
        state="LIVE",
        is_live=True,
        stale_age_s=0.0,
        wall_ns=NOW_NS,
        channels=(
            ChannelView(
                name="private",
                is_up=True,
                last_frame_age_s=0.4,
                ping_ms=1.2,
                reconnects=0,
            ),
            ChannelView(
                name="public",
                is_up=False,
                last_frame_age_s=None,
                ping_ms=None,
                reconnects=0,
            ),
        ),
        clock_offset_ms=-0.12,
        clock_error_ms=1.1,
        margin=Margin(
            currency="USDT",
            wallet=Decimal(100_000),
            equity=Decimal(100_000),
            unrealized_pnl=Decimal(0),
            initial_margin=Decimal(0),
            maintenance_margin=Decimal(0),
            available=Decimal(100_000),
            margin_ratio=None,
            stamp=STAMP,
        ),
        positions=(),
        orders=(),
        fills=(),
        limits=(),
        report=None,
        requests=9,
        duplicates_dropped=0,
    )


BUSY_LATENCY = tuple(
    LatencyView(name=name, count=9, p50_ms=p50_ms, p99_ms=p99_ms)
    for name, p50_ms, p99_ms in (
        ("submit_to_sent", 0.41, 12.3),
        ("sent_to_ack", 8.123, 1234.5),
        ("ack_to_echo", 0.0, 3.21),
        ("venue_to_handler", 12.0, 87.6),
        ("handler", 0.021, 0.5),
        ("loop_lag", 0.1, 5.06),
    )
)
BUSY_LIMITS = (
    LimitView(name="weight-1m", used=1980, limit=2400),
    LimitView(name="orders-10s", used=30, limit=300),
    LimitView(name="orders-1m", used=700, limit=1200),
    LimitView(name="stream-frames-1s", used=0, limit=10, closed_s=42.0),
)


def busy_view() -> WatchView:
    """Real money, out of sync, an order in doubt, close to liquidation."""
    doubtful = order(
        6, OrderStatus.IN_DOUBT, in_doubt_since_ns=NOW_NS - 4 * S, symbol="ETHUSDT"
    )
    margin = quiet_view().margin
    assert margin is not None
    return dataclasses.replace(
        quiet_view(),
        profile="live:hedge",
        environment="live",
        state="CONNECTING",
        is_live=False,
        stale_age_s=3.2,
        channels=(
            ChannelView(
                name="private",
                is_up=False,
                last_frame_age_s=3.4,
                ping_ms=12.3,
                reconnects=7,
            ),
            ChannelView(
                name="public",
                is_up=True,
                last_frame_age_s=0.8,
                ping_ms=9.9,
                reconnects=0,
            ),
        ),
        clock_offset_ms=12.3,
        clock_error_ms=2.1,
        margin=replace(
            margin,
            equity=Decimal("12345.678"),
            wallet=Decimal("15000"),
            unrealized_pnl=Decimal("-2654.32"),
            maintenance_margin=Decimal("7777.77"),
            initial_margin=Decimal("9000"),
            available=Decimal("1234.5"),
            margin_ratio=Decimal("0.63"),
        ),
        positions=(
            position("BTCUSDT", "1.250", "62110.4", "59987.123456", "57311.7"),
            position("ETHUSDT", "-12.5", "3010.25", "3001.11", "3900"),
            position("1000SHIBUSDT", "120000", "0.0123456", "0.0124001", None),
        ),
        orders=(
            doubtful,
            order(1, OrderStatus.PARTIALLY_FILLED, filled_qty=Decimal("0.012")),
            order(2),
            order(
                3,
                order_type=OrderType.STOP_MARKET,
                price=None,
                trigger_price=Decimal("58000"),
                qty=None,
                close_position=True,
            ),
            *(order(number) for number in range(10, 18)),
        ),
        fills=tuple(fill(number) for number in range(1, 9)),
        latency=BUSY_LATENCY,
        limits=BUSY_LIMITS,
        report=report(
            differences_left=(
                Adjustment(subject="wallet USDT", local=Decimal(1), venue=Decimal(2)),
            )
        ),
    )
