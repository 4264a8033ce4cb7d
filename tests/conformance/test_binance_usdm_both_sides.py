"""The Binance USD-M client and the simulated venue, written apart, must agree.

Both sides run in this process without sockets: a request is signed by the dialect
and answered by the face, frames of the face are read by the dialect. What the
stream told, what REST tells and what the venue computes must be the same account.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any

import pytest
from binance_usdm_world import BTC, T0, World, known, rules
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.dialect import AccountView, FillCursor, MarginNumbers, Part
from connector.dialect.facts import (
    AccountFact,
    BalanceFact,
    BracketFact,
    Fact,
    FillFact,
    InstrumentFact,
    LedgerFact,
    OrderFact,
    PositionFact,
    SettingFact,
    UnknownFact,
)
from connector.dialect.wire import (
    Reply,
    Request,
    Verdict,
)
from connector.model.account import (
    Balance,
    MarginMode,
    Position,
    Source,
    Stamp,
)
from connector.model.money import floor_to_grid
from connector.model.noun import replace
from connector.model.order import (
    OrderIntent,
    OrderType,
    Side,
    Terms,
    TimeInForce,
    TriggerPriceType,
)

D = Decimal
CLOSE = D("0.000001")  # the venue tells eight decimals


# --- what a trader, and the market, may do ---------------------------------------


def _near(world: World, ticks: int) -> Decimal:
    return floor_to_grid(world.mark() + ticks * 50, rules().tick_size)


def _limit(world: World, side: Side, ticks: int, **given: Any) -> OrderIntent:
    return OrderIntent(
        symbol=BTC,
        side=side,
        order_type=OrderType.LIMIT,
        qty=D("0.002") + D("0.001") * (abs(ticks) % 4),
        price=_near(world, ticks),
        **given,
    )


LIMITS: dict[str, dict[str, Any]] = {
    "limit": {},
    "post_only": {"post_only": True},
    "ioc": {"time_in_force": TimeInForce.IOC},
    "fok": {"time_in_force": TimeInForce.FOK},
    "reduce": {"reduce_only": True},
}


def act(world: World, what: str, side: Side, ticks: int) -> Reply | None:
    """One deed; None when it is not a command."""
    if what in LIMITS:
        return world.place(_limit(world, side, ticks, **LIMITS[what]))
    match what:
        case "market" | "big":
            return world.place(
                OrderIntent(
                    symbol=BTC,
                    side=side,
                    order_type=OrderType.MARKET,
                    qty=D("0.003") if what == "market" else D("0.700"),
                )
            )
        case "stop" | "trailing":
            return world.place(_stop(world, side, ticks, what))
        case "amend" | "cancel":
            return _on_an_order(world, what, ticks)
        case "cancel_all":
            first, second = map(world.call, world.dialect.cancel_all(BTC))
            return first if first.verdict is not Verdict.OK else second
        case "trade":
            world.engine.trade_through(BTC, _near(world, ticks), now_ms=world.now)
            world.engine.set_mark(BTC, _near(world, ticks), now_ms=world.now)
        case "crash":
            price = floor_to_grid(world.mark() * (100 + 2 * ticks) / 100, D("0.1"))
            world.engine.set_mark(BTC, price, now_ms=world.now)
        case "funding":
            rate = D(ticks) / 10_000
            world.engine.settle_funding(BTC, rate, now_ms=world.now)
        case "deposit":
            world.engine.deposit("main", "USDT", D(100), now_ms=world.now)
        case "wait":
            world.pass_time(500)
    world.pass_time(1)
    return None


def _stop(world: World, side: Side, ticks: int, what: str) -> OrderIntent:
    base = OrderIntent(
        symbol=BTC,
        side=side,
        order_type=OrderType.STOP_MARKET,
        qty=D("0.002"),
        trigger_price=_near(world, side.sign * (abs(ticks) + 1)),
        trigger_price_type=TriggerPriceType.MARK,
    )
    if what == "stop":
        return base
    return replace(
        base,
        order_type=OrderType.TRAILING_STOP,
        trigger_price=None,
        callback_rate=D("0.1"),
    )


def _on_an_order(world: World, what: str, ticks: int) -> Reply | None:
    live = [f for f in world.orders().values() if not f.status.is_terminal]
    live = [f for f in live if what == "cancel" or f.order_type is OrderType.LIMIT]
    if not live:
        return None
    order = known(live[ticks % len(live)])
    if what == "cancel":
        return world.call(world.dialect.cancel(order))
    assert order.price is not None
    price = order.price + ticks
    return world.call(
        world.dialect.amend(order, rules(), Terms(qty=D("0.004"), price=price))
    )


DEEDS = (
    *LIMITS,
    *("limit", "market", "stop", "trailing", "amend", "cancel", "cancel"),
    *("cancel_all", "trade", "trade", "wait"),
    *("big", "big", "crash", "crash", "funding", "deposit"),
)


# --- agreement -------------------------------------------------------------------


def check(world: World) -> None:
    """Stream, REST and the venue's own numbers describe one account."""
    assert not [fact for fact in world.facts if isinstance(fact, UnknownFact)]
    _check_orders(world)
    _check_fills(world)
    _check_account(world)


def _check_orders(world: World) -> None:
    told = {
        key: _essence(fact)
        for key, fact in world.orders().items()
        if not fact.status.is_terminal
        # Once triggered, the order it became stands in the other store.
        and not (fact.is_conditional and fact.triggered_order_id)
    }
    asked = {
        (fact.venue_order_id or "", fact.is_conditional): _essence(fact)
        for fact in world.ask(Part.OPEN_ORDERS)
        if isinstance(fact, OrderFact)
    }
    assert asked == told


_essence = attrgetter(
    *("client_order_id", "status", "side", "order_type", "qty", "price"),
    *("trigger_price", "filled_qty", "avg_price", "reduce_only", "post_only"),
    *("time_in_force", "position_side"),
)


def _check_fills(world: World) -> None:
    pushed = {
        f.trade_id: _execution(f)
        for f in world.facts
        if isinstance(f, FillFact) and not f.is_hint
    }
    cursor = FillCursor(symbol=BTC, trade_id=None, venue_ms=0, since_ms=T0 - 1000)
    step: Request | None = world.dialect.query_fills(cursor, now_ms=world.now)[0]
    asked: dict[str, tuple[object, ...]] = {}
    while step is not None:
        reply = world.call(step)
        asked |= {
            f.trade_id: _execution(f) for f in reply.facts if isinstance(f, FillFact)
        }
        step = reply.next_request
    assert asked == pushed
    for key, order in world.orders().items():
        fills = [
            f.qty
            for f in world.facts
            if isinstance(f, FillFact) and not f.is_hint and f.venue_order_id == key[0]
        ]
        if not order.is_conditional:
            assert sum(fills, D(0)) == order.filled_qty


_execution = attrgetter(
    *("venue_order_id", "side", "qty", "price", "fee", "fee_asset"),
    *("realized_pnl", "is_maker", "position_side", "venue_ns"),
)


def _check_account(world: World) -> None:
    positions = [f for f in world.ask(Part.POSITIONS) if isinstance(f, PositionFact)]
    pushed = {
        (f.symbol, f.position_side): (f.qty, f.entry_price)
        for f in world.facts
        if isinstance(f, PositionFact)
    }
    asked = {
        (f.symbol, f.position_side): (f.qty, f.entry_price) for f in positions if f.qty
    }
    assert asked == {key: row for key, row in pushed.items() if row[0]}
    account = world.ask(Part.BALANCES)
    wallets = [f for f in account if isinstance(f, BalanceFact)]
    wallet = sum((f.wallet for f in wallets if f.asset == "USDT"), D(0))
    pushed_wallets = [f.wallet for f in world.facts if isinstance(f, BalanceFact)]
    assert wallet == [D(5000), *pushed_wallets][-1]
    ledger = [f.amount for f in world.ask(Part.LEDGER) if isinstance(f, LedgerFact)]
    assert abs(sum(ledger, D(0)) - wallet) < CLOSE
    (totals,) = [f for f in account if isinstance(f, AccountFact)]
    numbers = world.dialect.margin(_view(world, positions, account))
    assert numbers is not None
    _check_margin(numbers, totals, positions)


def _check_margin(
    numbers: MarginNumbers, totals: AccountFact, positions: Sequence[PositionFact]
) -> None:
    for name, mine in {
        "totalWalletBalance": numbers.wallet,
        "totalUnrealizedProfit": numbers.unrealized_pnl,
        "totalMarginBalance": numbers.equity,
        "totalInitialMargin": numbers.initial_margin,
        "totalMaintMargin": numbers.maintenance_margin,
        "availableBalance": numbers.available,
    }.items():
        assert abs(D(totals.fields[name]) - mine) < CLOSE, name
    for told in positions:
        if told.qty:
            mine_there = numbers.positions[told.symbol, told.position_side.value]
            ours = mine_there.liquidation_price or D(0)
            assert abs(ours - (told.liquidation_price or D(0))) < D("0.01")


def _view(
    world: World, positions: Sequence[PositionFact], account: Sequence[Fact]
) -> AccountView:
    stamp = Stamp(source=Source.REST, venue_ns=0, received_mono_ns=0)
    rules = world.ask(Part.INSTRUMENTS)
    settings_ = [f for f in world.ask(Part.SETTINGS) if isinstance(f, SettingFact)]
    tiers = {f.symbol: f.brackets for f in rules if isinstance(f, BracketFact)}
    return AccountView(
        balances={
            f.asset: Balance(
                asset=f.asset,
                wallet=f.wallet,
                cross_wallet=f.cross_wallet,
                stamp=stamp,
            )
            for f in account
            if isinstance(f, BalanceFact)
        },
        positions=[
            Position(
                symbol=f.symbol,
                position_side=f.position_side,
                qty=f.qty,
                entry_price=f.entry_price or D(0),
                isolated_wallet=f.isolated_wallet or D(0),
                stamp=stamp,
            )
            for f in positions
        ],
        open_orders=[
            known(f) for f in world.ask(Part.OPEN_ORDERS) if isinstance(f, OrderFact)
        ],
        instruments={
            f.instrument.symbol: replace(
                f.instrument, brackets=tiers[f.instrument.symbol]
            )
            for f in rules
            if isinstance(f, InstrumentFact)
        },
        marks={BTC: world.mark()},
        leverage={f.symbol: f.leverage for f in settings_ if f.symbol and f.leverage},
        margin_modes={
            f.symbol: f.margin_mode for f in settings_ if f.symbol and f.margin_mode
        },
        venue_fields={},
    )


OUTCOMES = {Verdict.OK, Verdict.UNCHANGED, Verdict.REJECTED, Verdict.NOT_OPEN}


@pytest.mark.parametrize("mode", ["one-way cross", "one-way isolated", "hedge cross"])
@given(
    seed=st.integers(0, 50),
    deeds=st.lists(
        st.tuples(st.sampled_from(DEEDS), st.sampled_from(Side), st.integers(-8, 8)),
        min_size=1,
        max_size=14,
    ),
)
@settings(max_examples=40, deadline=None)
def test_one_account_seen_from_three_sides(
    mode: str, seed: int, deeds: list[tuple[str, Side, int]]
) -> None:
    """Whatever is done: every answer is understood, and stream, REST and the
    venue's margin numbers agree."""
    world = World(seed=seed, is_hedge="hedge" in mode)
    if "isolated" in mode:
        world.call(world.dialect.set_margin_mode(BTC, MarginMode.ISOLATED))
    if world.is_hedge:
        world.call(world.dialect.set_hedge_mode(is_hedge=True))
    for what, side, ticks in deeds:
        reply = act(world, what, side, ticks)
        assert reply is None or reply.verdict in OUTCOMES, (what, reply)
    check(world)
