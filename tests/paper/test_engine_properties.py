"""Laws that hold whatever anybody does, in any order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.paper.engine import Engine
from connector.paper.instruments import DEFAULT_INSTRUMENTS, make_brackets
from connector.paper.types import (
    EngineRules,
    MarkEvent,
    NewConditional,
    NewOrder,
    Order,
    OrderEvent,
    Refusal,
)
from connector.paper.words import (
    ConditionalType,
    ContractKind,
    MarginType,
    OrderStatus,
    OrderType,
    PositionSide,
    SelfTradePrevention,
    Side,
    TimeInForce,
)

D = Decimal
BTC = "BTCUSDT"
_LINEAR = DEFAULT_INSTRUMENTS[0]
_INVERSE = replace(
    _LINEAR,
    quote="USD",
    settle="BTC",
    kind=ContractKind.INVERSE,
    qty_step=D(100),
    min_qty=D(100),
    max_qty=D(10) ** 7,
    market_max_qty=D(10) ** 7,
    min_notional=D(0),
    brackets=make_brackets([(125, "2", "0.004"), (20, "1000", "0.02")]),
)
START_MS = 1_795_341_600_000
ACCOUNTS = ("a", "b", "c")

_sides = st.sampled_from(Side)
_names = st.sampled_from(ACCOUNTS)
_qtys = st.integers(1, 60).map(lambda n: D(n) / 1000)


@dataclass(frozen=True)
class Move:
    """One thing somebody does; the numbers mean what its method makes of them."""

    name: str
    kind: str
    number: int
    offset: int
    flag: bool

    def act(self, engine: Engine, pauses: Iterable[int] = ()) -> object:
        """Do it 10 ms later, in the state the engine then is in.

        *pauses*: when, in between, to wake the engine and look at it.
        """
        act = getattr(self, f"_{self.kind}")
        before_ms = engine.now_ms
        for pause in (*sorted(pauses), 10):
            engine.advance(before_ms + pause)
            engine.account(self.name)
        return act(engine, engine.now_ms)

    def _qty(self, engine: Engine) -> Decimal:
        return (1 + self.number % 60) * engine.instruments[BTC].qty_step

    @property
    def _side(self) -> Side:
        return Side.BUY if self.flag else Side.SELL

    def _price(self, engine: Engine) -> Decimal:
        mark = engine.quote(BTC).mark.quantize(D(1))
        return mark + D(self.offset) / 2

    def _position_side(self, engine: Engine) -> PositionSide:
        if not engine.is_hedge(self.name):
            return PositionSide.BOTH
        return PositionSide.LONG if self.number % 2 else PositionSide.SHORT

    def _limit(self, engine: Engine, now_ms: int) -> object:
        lifetimes = [TimeInForce.GTC] * 5
        lifetimes += [TimeInForce.IOC, TimeInForce.FOK, TimeInForce.POST_ONLY]
        request = NewOrder(
            symbol=BTC,
            side=self._side,
            type=OrderType.LIMIT,
            qty=self._qty(engine),
            price=self._price(engine),
            time_in_force=lifetimes[self.number % 8],
            position_side=self._position_side(engine),
            reduce_only=self.number % 5 == 0,
            stp=list(SelfTradePrevention)[self.number // 8 % 4],
        )
        return engine.place(self.name, request, now_ms=now_ms)

    def _market(self, engine: Engine, now_ms: int) -> object:
        request = NewOrder(
            symbol=BTC,
            side=self._side,
            type=OrderType.MARKET,
            qty=self._qty(engine),
            position_side=self._position_side(engine),
            reduce_only=self.number % 5 == 0,
        )
        return engine.place(self.name, request, now_ms=now_ms)

    def _stop(self, engine: Engine, now_ms: int) -> object:
        kind = list(ConditionalType)[self.number % 5]
        is_stop = kind in (ConditionalType.STOP, ConditionalType.STOP_MARKET)
        sign = 1 if self.flag == is_stop else -1
        trigger = engine.quote(BTC).last.quantize(D(1)) + sign * (1 + abs(self.offset))
        is_trailing = kind is ConditionalType.TRAILING_STOP_MARKET
        closes = self.number % 7 == 0 and not kind.is_limit and not is_trailing
        request = NewConditional(
            symbol=BTC,
            side=self._side,
            type=kind,
            qty=D(0) if closes else self._qty(engine),
            trigger_price=None if is_trailing else trigger,
            price=trigger if kind.is_limit else None,
            callback_rate=D("0.5") if is_trailing else None,
            position_side=self._position_side(engine),
            reduce_only=self.number % 3 == 0 and not closes,
            close_position=closes,
        )
        return engine.place_conditional(self.name, request, now_ms=now_ms)

    def _amend(self, engine: Engine, now_ms: int) -> object:
        orders = engine.open_orders(self.name)
        if not orders:
            return None
        order = orders[self.number % len(orders)]
        price = self._price(engine)
        return engine.amend(
            self.name,
            BTC,
            order.order_id,
            qty=self._qty(engine),
            price=price,
            now_ms=now_ms,
        )

    def _cancel(self, engine: Engine, now_ms: int) -> object:
        orders = engine.open_orders(self.name)
        if not orders:
            return None
        order = orders[self.number % len(orders)]
        return engine.cancel(self.name, BTC, order.order_id, now_ms=now_ms)

    def _cancel_all(self, engine: Engine, now_ms: int) -> object:
        return engine.cancel_all(self.name, now_ms=now_ms)

    def _mark(self, engine: Engine, now_ms: int) -> None:
        engine.set_mark(BTC, self._price(engine), now_ms=now_ms)

    def _crash(self, engine: Engine, now_ms: int) -> None:
        price = D("57000") if self.flag else D("63000")
        engine.set_mark(BTC, price, now_ms=now_ms)

    def _through(self, engine: Engine, now_ms: int) -> None:
        engine.trade_through(BTC, self._price(engine), now_ms=now_ms)

    def _fund(self, engine: Engine, now_ms: int) -> None:
        rate = D("0.001") if self.flag else D("-0.02")
        engine.settle_funding(BTC, rate, now_ms=now_ms)

    def _isolate(self, engine: Engine, now_ms: int) -> object:
        kind = MarginType.ISOLATED if self.flag else MarginType.CROSS
        return engine.set_margin_type(self.name, BTC, kind, now_ms=now_ms)

    def _lever(self, engine: Engine, now_ms: int) -> object:
        leverage = (5, 20, 125)[self.number % 3]
        return engine.set_leverage(self.name, BTC, leverage, now_ms=now_ms)

    def _hedge(self, engine: Engine, now_ms: int) -> object:
        return engine.set_hedge(self.name, hedge=self.flag, now_ms=now_ms)

    def _adjust(self, engine: Engine, now_ms: int) -> object:
        return engine.adjust_isolated_margin(
            self.name,
            BTC,
            self._margin(engine),
            position_side=self._position_side(engine),
            now_ms=now_ms,
        )

    def _margin(self, engine: Engine) -> Decimal:
        is_dollar = engine.instruments[BTC].settle == "USDT"
        return D(self.offset) / (10 if is_dollar else 1_000_000)

    def _adl(self, engine: Engine, now_ms: int) -> object:
        return engine.adl(
            self.name,
            BTC,
            self._qty(engine),
            self._price(engine),
            position_side=self._position_side(engine),
            now_ms=now_ms,
        )

    def _wait(self, engine: Engine, now_ms: int) -> None:
        engine.advance(now_ms + 150)

    def _withdraw(self, engine: Engine, now_ms: int) -> object:
        asset = engine.instruments[BTC].settle
        amount = D(1 + self.number) / (1 if asset == "USDT" else 60000)
        amount = amount.quantize(D("0.00000001"))
        return engine.withdraw(self.name, asset, amount, now_ms=now_ms)


_KINDS = (
    ["limit"] * 8
    + ["market"] * 5
    + ["stop"] * 3
    + ["amend", "cancel", "mark", "through"] * 2
    + ["cancel_all", "crash", "fund", "isolate", "lever", "hedge"]
    + ["adjust", "adl", "wait", "withdraw"]
)
_moves = st.lists(
    st.builds(
        Move,
        _names,
        st.sampled_from(_KINDS),
        st.integers(0, 479),
        st.integers(-200, 200),
        st.booleans(),
    ),
    min_size=20,
    max_size=60,
)


def _engine(*, refuse: bool = True, inverse: bool = False) -> Engine:
    """Little money; "b" begins isolated, "c" in hedge mode."""
    rules = EngineRules(refuse_post_only=refuse, refuse_fok=refuse)
    instruments = (_INVERSE if inverse else _LINEAR,)
    engine = Engine(seed=11, now_ms=START_MS, rules=rules, instruments=instruments)
    money = {"BTC": D("0.004")} if inverse else {"USDT": D(250)}
    for name in ACCOUNTS:
        engine.open_account(name, money, now_ms=START_MS)
    engine.set_margin_type("b", BTC, MarginType.ISOLATED, now_ms=START_MS)
    engine.set_hedge("c", hedge=True, now_ms=START_MS)
    return engine


@pytest.mark.parametrize("inverse", [False, True], ids=["linear", "inverse"])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(moves=_moves, refuse=st.booleans())
def test_books_are_whole_after_every_step(
    moves: list[Move], refuse: bool, inverse: bool
) -> None:
    """Wallet = entries, position = fills, everybody together = 0, indexes agree.

    A refusal says nothing to anybody; an order's story begins with NEW, filled
    quantity never falls, nothing follows a terminal state.
    """
    engine = _engine(refuse=refuse, inverse=inverse)
    last: dict[int, Order] = {}
    for move in moves:
        answer = move.act(engine)
        engine.audit()
        for event in engine.drain():
            if isinstance(event, OrderEvent):
                _follow(last, event)
        if isinstance(answer, Order):
            assert answer.order_id in last
            if answer.time_in_force is TimeInForce.FOK:
                assert answer.filled_qty in (
                    (answer.qty,) if refuse else (0, answer.qty)
                )
    for name in ACCOUNTS:
        for order in engine.orders(name):
            assert last[order.order_id] == order
            fills = engine.fills(name, order_id=order.order_id)
            assert order.filled_qty == sum(fill.qty for fill in fills)


def _follow(last: dict[int, Order], event: OrderEvent) -> None:
    order = event.order
    before = last.get(order.order_id)
    if before is None:
        assert event.kind.value == "NEW"
    else:
        assert before.status.is_open
        assert order.filled_qty >= before.filled_qty
        added = order.filled_qty - before.filled_qty
        assert added == (event.fill.qty if event.fill else 0)
    assert order.filled_qty <= order.qty
    assert (order.status is OrderStatus.FILLED) == (order.filled_qty == order.qty)
    last[order.order_id] = order


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(_moves)
def test_the_same_calls_give_the_same_world(moves: list[Move]) -> None:
    """Events and ledger are a function of seed and calls."""
    stories = []
    for _ in range(2):
        engine = _engine()
        for move in moves:
            move.act(engine)
        states = [engine.ledger.state(name) for name in ACCOUNTS]
        stories.append((engine.drain(), states))
    assert stories[0] == stories[1]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(_moves, st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_waking_the_venue_more_often_changes_nothing(
    moves: list[Move], pauses: list[int]
) -> None:
    """Only commands and time matter, not how often somebody looks."""
    stories = []
    for is_restless in (False, True):
        engine = _engine()
        engine.set_volatility(BTC, D("0.001"))
        for move in moves:
            engine.advance(engine.now_ms + 85)
            move.act(engine, pauses if is_restless else ())
        events = [e for e in engine.drain() if not isinstance(e, MarkEvent)]
        stories.append((events, [engine.ledger.state(name) for name in ACCOUNTS]))
    assert stories[0] == stories[1]


# against a naive model -------------------------------------------------------
@dataclass
class Naive:
    """Price-time priority the slow and obvious way: one list, sorted each time."""

    resting: list[tuple[int, str, Side, Decimal, Decimal]] = field(default_factory=list)
    trades: list[tuple[int, int, Decimal, Decimal]] = field(default_factory=list)

    def place(self, number: int, name: str, request: NewOrder) -> None:
        """Match, then rest what is left of a GTC order."""
        side, price, left = request.side, request.price or D(0), request.qty
        others = [row for row in self.resting if row[2] is not side]
        others.sort(key=lambda row: (row[3] * side.sign, row[0]))
        others = [row for row in others if (price - row[3]) * side.sign >= 0]
        if request.time_in_force is TimeInForce.FOK and (
            sum((row[4] for row in others), D(0)) < left
        ):
            return
        for row in others:
            qty = min(left, row[4])
            if not qty:
                break
            self.trades.append((row[0], number, row[3], qty))
            left -= qty
            index = self.resting.index(row)
            if qty == row[4]:
                del self.resting[index]
            else:
                self.resting[index] = (*row[:4], row[4] - qty)
        if left and request.time_in_force is TimeInForce.GTC:
            self.resting.append((number, name, side, price, left))


_plain = st.builds(
    lambda side, qty, price, lifetime: NewOrder(
        symbol=BTC,
        side=side,
        type=OrderType.LIMIT,
        qty=qty,
        price=price,
        time_in_force=lifetime,
    ),
    _sides,
    _qtys,
    st.integers(-3, 3).map(lambda n: D("60000.0") + n),
    st.sampled_from([TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_names, _plain), max_size=30))
def test_matching_is_price_then_time(requests: list[tuple[str, NewOrder]]) -> None:
    """The engine trades exactly what a naive sorted list would; FOK all or nothing."""
    engine, naive = Engine(seed=1, now_ms=START_MS), Naive()
    engine.freeze()
    engine.set_liquidity(BTC, qty_factor=D(0))
    for name in ACCOUNTS:
        engine.open_account(name, {"USDT": D(10**7)}, now_ms=START_MS)
    next_id = engine.rules.first_order_id
    for name, request in requests:
        answer = engine.place(name, request, now_ms=START_MS)
        if isinstance(answer, Refusal):
            assert request.time_in_force is TimeInForce.FOK
        elif request.time_in_force is TimeInForce.FOK:
            assert answer.filled_qty == answer.qty
        naive.place(next_id, name, request)
        if isinstance(answer, Order):
            assert next_id == answer.order_id
            next_id += 1
    makers: dict[int, Any] = {}
    takers: dict[int, Any] = {}
    for name in ACCOUNTS:
        for fill in engine.fills(name):
            (makers if fill.is_maker else takers)[fill.trade_id] = fill
    expected = [
        (makers[number].order_id, taker.order_id, taker.price, taker.qty)
        for number, taker in sorted(takers.items())
    ]
    assert naive.trades == expected
    resting = sorted(row[0] for row in naive.resting)
    assert resting == sorted(
        order.order_id for name in ACCOUNTS for order in engine.open_orders(name)
    )


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(_sides, _qtys, st.booleans()), max_size=25),
)
def test_reduce_only_never_grows_or_flips(
    moves: list[tuple[Side, Decimal, bool]],
) -> None:
    """After a reduce-only order the position is nearer to flat, same sign or 0."""
    engine = Engine(seed=2, now_ms=START_MS)
    engine.freeze()
    engine.open_account("a", {"USDT": D(10**6)}, now_ms=START_MS)
    for side, qty, reduce_only in moves:
        before = engine.positions("a", BTC, all_rows=True)[0].qty
        request = NewOrder(
            symbol=BTC,
            side=side,
            type=OrderType.MARKET,
            qty=qty,
            reduce_only=reduce_only,
        )
        engine.place("a", request, now_ms=START_MS)
        after = engine.positions("a", BTC, all_rows=True)[0].qty
        if reduce_only:
            assert abs(after) <= abs(before)
            assert after * before >= 0
