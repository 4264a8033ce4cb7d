"""Stream events and REST objects of the Binance face equal the golden payloads."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any

from connector.paper.faces.binance_usdm.events import (
    listen_key_expired,
    stream_event,
)
from connector.paper.faces.binance_usdm.render import Renderer
from connector.paper.types import (
    AccountEvent,
    AssetModeEvent,
    BalanceChange,
    Bracket,
    Conditional,
    ConditionalEvent,
    Fill,
    Instrument,
    LeverageEvent,
    MarginCallEvent,
    Order,
    OrderEvent,
    Position,
    Refusal,
    TradeEvent,
)
from connector.paper.words import (
    AccountReason,
    ConditionalStatus,
    ConditionalType,
    EndReason,
    ExecKind,
    MarginType,
    OrderKind,
    OrderStatus,
    OrderType,
    PositionSide,
    Reason,
    SelfTradePrevention,
    Side,
    TimeInForce,
    WorkingType,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "binance_usdm"
ZERO = D(0)


def load(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text())


def lines(name: str) -> list[Any]:
    return [json.loads(line) for line in (GOLDEN / name).read_text().splitlines()]


def cases() -> dict[str, Any]:
    rows = lines("stream_order_trade_update_cases.jsonl")
    return {row["case"]: row["m"] for row in rows}


def instrument(symbol: str = "BTCUSDT") -> Instrument:
    return Instrument(
        symbol=symbol,
        base=symbol.removesuffix("USDT"),
        quote="USDT",
        settle="USDT",
        tick_size=D("0.10"),
        qty_step=D("0.001"),
        min_price=D("556.80"),
        max_price=D(4529764),
        min_qty=D("0.001"),
        max_qty=D(1000),
        market_max_qty=D(120),
        min_notional=D(50),
        band_up=D("1.05"),
        band_down=D("0.95"),
        market_take_bound=D("0.05"),
        max_orders=200,
        max_conditional=10,
        brackets=(
            Bracket(
                number=1,
                max_leverage=125,
                floor=ZERO,
                cap=D(300000),
                mmr=D("0.004"),
                cum=ZERO,
            ),
        ),
        maker_rate=D("0.0002"),
        taker_rate=D("0.0004"),
        liquidation_fee=D("0.0125"),
        trigger_protect=D("0.05"),
        funding_interval_ms=28_800_000,
        initial_mark=D(60000),
    )


RENDERER = Renderer({s: instrument(s) for s in ("BTCUSDT", "ETHUSDT")})

ORDER = Order(
    account_id="main",
    order_id=715550001234,
    client_order_id="cx-20261122-000001",
    symbol="BTCUSDT",
    side=Side.BUY,
    type=OrderType.LIMIT,
    original_type=OrderType.LIMIT,
    time_in_force=TimeInForce.GTC,
    position_side=PositionSide.BOTH,
    qty=D("0.01"),
    price=D(60000),
    status=OrderStatus.NEW,
    filled_qty=ZERO,
    filled_quote=ZERO,
    average_price=ZERO,
    reduce_only=False,
    close_position=False,
    stp=SelfTradePrevention.EXPIRE_MAKER,
    price_match="NONE",
    expire_ms=0,
    kind=OrderKind.USER,
    end_reason=EndReason.NONE,
    created_ms=1795341600012,
    updated_ms=1795341600012,
    amend_count=0,
    conditional_id=0,
    stop_price=ZERO,
    activate_price=ZERO,
    callback_rate=ZERO,
    working_type=WorkingType.CONTRACT_PRICE,
    price_protect=False,
    tag="",
)
FILLED = replace(
    ORDER,
    status=OrderStatus.FILLED,
    filled_qty=D("0.010"),
    filled_quote=D(600),
    average_price=D(60000),
    updated_ms=1795341605300,
)
FILL = Fill(
    account_id="main",
    symbol="BTCUSDT",
    trade_id=5012345702,
    order_id=715550001234,
    client_order_id="cx-20261122-000001",
    side=Side.BUY,
    position_side=PositionSide.BOTH,
    qty=D("0.006"),
    price=D(60000),
    quote_qty=D(360),
    is_maker=True,
    commission=D("0.072"),
    commission_asset="USDT",
    realized_pnl=ZERO,
    kind=OrderKind.USER,
    time_ms=1795341605300,
)
POSITION = Position(
    symbol="BTCUSDT",
    position_side=PositionSide.BOTH,
    qty=D("0.01"),
    entry_price=D(60000),
    break_even_price=D(60012),
    mark_price=D(60250),
    notional=D("602.5"),
    unrealized_pnl=D("0.1"),
    realized_pnl=ZERO,
    liquidation_price=ZERO,
    leverage=20,
    max_notional=D(40000000),
    margin_type=MarginType.CROSS,
    margin_asset="USDT",
    isolated_wallet=ZERO,
    isolated_margin=ZERO,
    initial_margin=D("44.875"),
    position_margin=D("30.125"),
    open_order_margin=D("14.75"),
    maintenance_margin=D("2.41"),
    bid_notional=D(295),
    ask_notional=ZERO,
    adl_quantile=2,
    updated_ms=1795341605300,
)
ALGO = Conditional(
    account_id="main",
    conditional_id=1000000033225453,
    client_order_id="cx-20261122-a0001",
    symbol="BTCUSDT",
    side=Side.SELL,
    type=ConditionalType.STOP_MARKET,
    time_in_force=TimeInForce.GTC,
    position_side=PositionSide.BOTH,
    qty=D("0.010"),
    trigger_price=D(58000),
    price=ZERO,
    status=ConditionalStatus.NEW,
    reduce_only=True,
    close_position=False,
    working_type=WorkingType.MARK_PRICE,
    price_protect=True,
    activate_price=ZERO,
    callback_rate=ZERO,
    is_activated=False,
    stp=SelfTradePrevention.EXPIRE_MAKER,
    price_match="NONE",
    expire_ms=0,
    created_ms=1795341606000,
    updated_ms=1795341606000,
    triggered_ms=0,
    actual_order_id=0,
    actual_type=None,
    actual_price=ZERO,
    actual_qty=ZERO,
    reject_reason=None,
    tag="",
)


def order_event(
    order: Order, kind: ExecKind, golden: Any, fill: Fill | None = None, tag: str = ""
) -> Any:
    event = OrderEvent(
        account_id="main",
        time_ms=golden["T"],
        kind=kind,
        order=order,
        fill=fill,
        bid_notional=D(golden["o"]["b"]),
        ask_notional=ZERO,
        tag=tag,
    )
    return stream_event(event, RENDERER, golden["E"])


def test_order_life_cycle() -> None:
    """NEW, TRADE_LITE, ACCOUNT_UPDATE and the filling trade, field by field."""
    rows = lines("stream_order_lifecycle.jsonl")
    new, lite, account, trade = rows[0], rows[4], rows[5], rows[6]
    assert new == order_event(ORDER, ExecKind.NEW, new)
    thin = TradeEvent(account_id="main", time_ms=lite["T"], order=FILLED, fill=FILL)
    assert lite == stream_event(thin, RENDERER, lite["E"])
    change = AccountEvent(
        account_id="main",
        time_ms=account["T"],
        reason=AccountReason.ORDER,
        balances=(
            BalanceChange(
                asset="USDT",
                wallet=D("4999.88"),
                cross_wallet=D("4999.88"),
                delta=ZERO,
            ),
        ),
        positions=(POSITION,),
    )
    assert account == stream_event(change, RENDERER, account["E"])
    assert trade == order_event(FILLED, ExecKind.TRADE, trade, FILL)


def test_order_ends() -> None:
    """Amendment, cancel, IOC remainder, self-trade prevention, market remainder."""
    golden = cases()
    second = replace(
        ORDER,
        order_id=715550001260,
        client_order_id="cx-20261122-000002",
        time_in_force=TimeInForce.POST_ONLY,
        qty=D("0.006"),
        price=D(59100),
    )
    want = golden["amendment"]
    assert want == order_event(second, ExecKind.AMENDMENT, want, tag="7")
    want = golden["cancel"]
    gone = replace(second, status=OrderStatus.CANCELED, end_reason=EndReason.USER)
    assert want == order_event(gone, ExecKind.CANCELED, want)
    want = golden["IOC remainder expired"]
    ioc = replace(
        ORDER,
        time_in_force=TimeInForce.IOC,
        status=OrderStatus.EXPIRED,
        end_reason=EndReason.IOC,
        filled_qty=D("0.004"),
        average_price=D(60000),
    )
    assert want == order_event(ioc, ExecKind.EXPIRED, want)
    want = golden["self-trade prevention"]
    stp = replace(ORDER, status=OrderStatus.EXPIRED, end_reason=EndReason.SELF_TRADE)
    assert want == order_event(stp, ExecKind.EXPIRED, want)
    want = golden["market order partly filled then expired"]
    market = replace(
        ORDER,
        type=OrderType.MARKET,
        original_type=OrderType.MARKET,
        price=ZERO,
        status=OrderStatus.EXPIRED,
        end_reason=EndReason.NO_LIQUIDITY,
        filled_qty=D("0.006"),
        average_price=D(60010),
    )
    assert want == order_event(market, ExecKind.EXPIRED, want)


def test_forced_executions_are_calculated() -> None:
    """ADL is x=CALCULATED with no fee, and has no TRADE_LITE."""
    want = cases()["ADL"]
    order = replace(
        FILLED,
        order_id=715550009100,
        client_order_id="adl_autoclose",
        side=Side.SELL,
        time_in_force=TimeInForce.IOC,
        qty=D("0.05"),
        price=D(60500),
        filled_qty=D("0.05"),
        average_price=D(60500),
        kind=OrderKind.ADL,
    )
    fill = replace(
        FILL,
        trade_id=5013000001,
        qty=D("0.05"),
        price=D(60500),
        is_maker=False,
        commission=ZERO,
        realized_pnl=D(25),
        kind=OrderKind.ADL,
    )
    assert want == order_event(order, ExecKind.CALCULATED, want, fill)
    thin = TradeEvent(account_id="main", time_ms=1, order=order, fill=fill)
    assert stream_event(thin, RENDERER, 2) is None


def test_triggered_trailing_stop_carries_its_extras() -> None:
    """AP and cr appear, ids above 2**53 stay exact."""
    want = cases()["triggered trailing stop, extra fields, id above 2**53"]
    order = replace(
        ORDER,
        order_id=8389765739703625592,
        client_order_id="cx-20261122-a0002",
        side=Side.SELL,
        type=OrderType.MARKET,
        original_type=ConditionalType.TRAILING_STOP_MARKET,
        price=ZERO,
        activate_price=D(60400),
        callback_rate=D(1),
    )
    assert want == order_event(order, ExecKind.NEW, want)


def test_funding_updates() -> None:
    """Cross funding carries the balance only, isolated funding its position too."""
    cross, isolated = lines("stream_account_update.jsonl")[1:3]
    for want, position in (
        (cross, replace(POSITION, unrealized_pnl=D("2.5"))),
        (
            isolated,
            replace(
                POSITION,
                unrealized_pnl=D("2.5"),
                margin_type=MarginType.ISOLATED,
                isolated_wallet=D("99.93975"),
            ),
        ),
    ):
        balance = want["a"]["B"][0]
        event = AccountEvent(
            account_id="main",
            time_ms=want["T"],
            reason=AccountReason.FUNDING_FEE,
            balances=(
                BalanceChange(
                    asset="USDT",
                    wallet=D(balance["wb"]),
                    cross_wallet=D(balance["cw"]),
                    delta=D(balance["bc"]),
                ),
            ),
            positions=(position,),
            symbol="BTCUSDT",
        )
        got = stream_event(event, RENDERER, want["E"])
        assert got is not None
        for row in [*want["a"]["P"], *got["a"]["P"]]:
            row["up"] = D(row["up"])  # the venue cuts trailing zeros at times
        assert want == got
    deposit = lines("stream_account_update.jsonl")[3]
    event = AccountEvent(
        account_id="main",
        time_ms=deposit["T"],
        reason=AccountReason.DEPOSIT,
        balances=(
            BalanceChange(
                asset="USDT", wallet=D(5000), cross_wallet=D(5000), delta=D(5000)
            ),
        ),
        positions=(),
    )
    assert deposit == stream_event(event, RENDERER, deposit["E"])


def test_algo_updates() -> None:
    """NEW, TRIGGERING, TRIGGERED, FINISHED, REJECTED: fields come and go."""
    rows = lines("stream_algo_update.jsonl")
    triggering = replace(
        ALGO, status=ConditionalStatus.TRIGGERING, triggered_ms=1795341649990
    )
    triggered = replace(
        triggering,
        status=ConditionalStatus.TRIGGERED,
        actual_order_id=715550001300,
        actual_type=OrderType.MARKET,
    )
    finished = replace(
        triggered,
        status=ConditionalStatus.FINISHED,
        actual_price=D("58001.5"),
        actual_qty=D("0.010"),
    )
    rejected = replace(
        triggering,
        status=ConditionalStatus.REJECTED,
        reject_reason=Refusal(reason=Reason.REDUCE_ONLY),
    )
    wanted = (rows[0], rows[1], rows[2], rows[3], rows[5])
    got = (ALGO, triggering, triggered, finished, rejected)
    for want, algo in zip(wanted, got, strict=True):
        event = ConditionalEvent(account_id="main", time_ms=want["T"], conditional=algo)
        made = stream_event(event, RENDERER, want["E"])
        assert made is not None
        for row in (want, made):
            if "ap" in row["o"]:
                row["o"]["ap"] = D(row["o"]["ap"])
        assert want == made


def test_account_wide_events() -> None:
    """Leverage, asset mode, margin call and the end of a listen key."""
    leverage, mode = lines("stream_account_config_update.jsonl")
    event = LeverageEvent(
        account_id="main", time_ms=leverage["T"], symbol="BTCUSDT", leverage=25
    )
    assert leverage == stream_event(event, RENDERER, leverage["E"])
    switched = AssetModeEvent(
        account_id="main", time_ms=mode["T"], is_multi_assets=True
    )
    assert mode == stream_event(switched, RENDERER, mode["E"])
    call = load("stream_margin_call.json")
    position = replace(
        POSITION,
        symbol="ETHUSDT",
        position_side=PositionSide.LONG,
        qty=D("1.327"),
        mark_price=D("187.17127"),
        unrealized_pnl=D("-1.166074"),
        maintenance_margin=D("1.614445"),
    )
    margin = MarginCallEvent(
        account_id="main",
        time_ms=1,
        cross_wallet=D("3.16812045"),
        positions=(position,),
    )
    assert call == stream_event(margin, RENDERER, call["E"])
    farewell = load("stream_listen_key_expired.json")
    assert farewell == listen_key_expired(farewell["listenKey"], farewell["E"])


def test_rest_objects() -> None:
    """Order, fill and algo objects have exactly the golden fields and texts."""
    assert load("rest_order_new_ack.json") == RENDERER.order_answer(ORDER)
    assert load("rest_order_query.json") == RENDERER.order_query(FILLED)
    assert load("rest_user_trades.json")[1] == RENDERER.user_trade(FILL)
    assert load("rest_algo_order_new.json") == RENDERER.algo_answer(ALGO)
    assert load("rest_open_algo_orders.json")[0] == RENDERER.algo_query(ALGO)
