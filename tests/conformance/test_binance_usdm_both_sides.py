"""The Binance USD-M client and the simulated venue, written apart, must agree.

Both sides run in this process without sockets: a request is signed by the dialect
and answered by the face, frames of the face are read by the dialect. What the
stream told, what REST tells and what the venue computes must be the same account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from operator import attrgetter
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.dialect import AccountView, Endpoints, FillCursor, MarginNumbers, Part
from connector.dialect.facts import (
    AccountFact,
    BalanceFact,
    BracketFact,
    Fact,
    FillFact,
    InstrumentFact,
    LedgerFact,
    MarkFact,
    OrderFact,
    PositionFact,
    SettingFact,
    UnknownFact,
)
from connector.dialect.wire import (
    Call,
    HttpAnswer,
    Open,
    Ready,
    Reply,
    Request,
    Step,
    Verdict,
)
from connector.model.account import (
    Balance,
    MarginMode,
    Position,
    Source,
    Stamp,
)
from connector.model.credentials import ApiKey, Credentials, KeyKind, Secret
from connector.model.ids import ClientOrderId, Symbol
from connector.model.money import floor_to_grid
from connector.model.order import (
    Order,
    OrderIntent,
    OrderType,
    PositionSide,
    Side,
    TimeInForce,
    TriggerPriceType,
)
from connector.paper import faces
from connector.paper.engine import Engine
from connector.paper.faces.binance_usdm import ApiKey as VenueKey
from connector.paper.faces.binance_usdm import BinanceUsdm, FaceConfig
from connector.venues.registry import dialect_for
from connector.venues.signing import make_signer

BTC = Symbol("BTCUSDT")
D = Decimal
T0 = 1_795_341_600_000
KEY, SECRET = "k" * 64, "s" * 64
BASE = Endpoints(rest="http://venue", stream="ws://venue", public="ws://venue")
CLOSE = D("0.000001")  # the venue tells eight decimals


@dataclass
class World:
    """A client and a venue, and what the stream has told so far."""

    seed: int = 0
    is_hedge: bool = False
    now: int = T0
    facts: list[Fact] = field(default_factory=list)
    count: int = 0

    def __post_init__(self) -> None:
        self.dialect = dialect_for("binance-usdm")
        self.signer = make_signer(
            Credentials(api_key=ApiKey(KEY), secret=Secret(SECRET), kind=KeyKind.HMAC)
        )
        self.engine = Engine(seed=self.seed, now_ms=self.now)
        self.engine.open_account("main", {"USDT": D(5000)}, now_ms=self.now)
        # Strict like the live venue: an un-routed socket stays silent.
        self.face = BinanceUsdm(
            self.engine,
            (VenueKey(key=KEY, verifier=SECRET),),
            config=FaceConfig(serves_unrouted=False),
        )
        self._open()

    def _open(self) -> None:
        script = self.dialect.private_script(BASE)
        steps: list[Step] = list(script.start(0))
        while steps:
            step = steps.pop(0)
            if isinstance(step, Call):
                steps += script.on_reply(step.request, self.call(step.request), 0)
            elif isinstance(step, Open):
                url = urlsplit(step.url.reveal())
                call = faces.Call(method="GET", target=f"{url.path}?{url.query}")
                admitted = self.face.open_socket(1, call, self.now)
                assert isinstance(admitted, faces.Admission)
                steps += script.on_open(0)
            else:
                assert step == Ready()

    def call(self, request: Request) -> Reply:
        """One REST call; frames are read before the answer."""
        wire = self.dialect.sign(request, self.signer, BASE.rest, self.now)
        url = urlsplit(wire.url)
        reply = self.face.http(
            faces.Call(
                method=wire.method,
                target=f"{url.path}?{url.query}" if url.query else url.path,
                headers={name.lower(): value for name, value in wire.headers},
                body=wire.body,
            ),
            self.now,
        )
        self.pass_time(0)
        return self.dialect.read_answer(
            request,
            HttpAnswer(
                status=reply.status,
                headers={name.lower(): value for name, value in reply.headers},
                body=reply.body,
            ),
        )

    def pass_time(self, ms: int) -> None:
        """Let the venue live for *ms* and read what it pushes."""
        self.now += ms
        self.face.on_time(self.now)
        for item in self.face.outbox:
            if isinstance(item, faces.Frame) and item.socket_id == 1:
                self.facts += self.dialect.read_frame(item.text.encode())
        self.face.outbox.clear()

    def ask(self, part: Part) -> list[Fact]:
        """All facts of one part of a snapshot; the calls must succeed."""
        replies = [
            self.call(request)
            for request in self.dialect.query(
                part, symbols=[BTC], since_ms=T0 - 1000, now_ms=self.now
            )
        ]
        assert all(reply.verdict is Verdict.OK for reply in replies)
        return [fact for reply in replies for fact in reply.facts]

    def mark(self) -> Decimal:
        """The mark price now."""
        (fact,) = self.ask(Part.MARKS)
        assert isinstance(fact, MarkFact)
        return fact.mark_price

    def place(self, intent: OrderIntent) -> Reply:
        """A new order under a fresh id; in hedge mode buys open the long side,
        reduce-only ones close the other."""
        if self.is_hedge:
            opens = intent.side is Side.BUY
            is_long = opens is not intent.reduce_only
            side = PositionSide.LONG if is_long else PositionSide.SHORT
            intent = replace(intent, position_side=side)
        self.count += 1
        name = ClientOrderId(f"cx{self.count}")
        return self.call(self.dialect.place(intent, name, RULES))

    def orders(self) -> dict[tuple[str, bool], OrderFact]:
        """The newest state of every order the stream told, by id and store."""
        newest: dict[tuple[str, bool], OrderFact] = {}
        for fact in self.facts:
            if not isinstance(fact, OrderFact):
                continue
            key = (fact.venue_order_id or "", fact.is_conditional)
            held = newest.get(key)
            if held is None or _rank(fact) >= _rank(held):
                newest[key] = fact
        return newest


RULES = next(
    fact.instrument
    for fact in World().ask(Part.INSTRUMENTS)
    if isinstance(fact, InstrumentFact) and fact.instrument.symbol == BTC
)


def _rank(fact: OrderFact) -> tuple[bool, Decimal, int]:
    return fact.status.is_terminal, fact.filled_qty or D(0), fact.venue_ns


def _known(fact: OrderFact) -> Order:
    assert fact.side is not None
    assert fact.client_order_id is not None
    return Order(
        client_order_id=fact.client_order_id,
        venue_order_id=fact.venue_order_id,
        symbol=fact.symbol,
        side=fact.side,
        order_type=fact.order_type or OrderType.LIMIT,
        status=fact.status,
        qty=fact.qty,
        price=fact.price,
        filled_qty=fact.filled_qty or D(0),
        position_side=fact.position_side or PositionSide.NET,
        reduce_only=bool(fact.reduce_only),
        close_position=bool(fact.close_position),
        triggered_order_id=fact.triggered_order_id,
    )


# --- what a trader, and the market, may do ---------------------------------------


def _near(world: World, ticks: int) -> Decimal:
    return floor_to_grid(world.mark() + ticks * 50, RULES.tick_size)


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
    order = _known(live[ticks % len(live)])
    if what == "cancel":
        return world.call(world.dialect.cancel(order))
    assert order.price is not None
    price = order.price + ticks
    return world.call(world.dialect.amend(order, RULES, D("0.004"), price))


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
            _known(f) for f in world.ask(Part.OPEN_ORDERS) if isinstance(f, OrderFact)
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
