"""Client and venue of Bybit v5 in one process, without sockets: what the stream told,
what a question answers and what the venue wrote down are the same."""

from __future__ import annotations

import json
from decimal import Decimal as D
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.dialect import FillCursor, Part
from connector.dialect.facts import Fact, FillFact, OrderFact, PositionFact
from connector.dialect.wire import HttpAnswer, Reply, Request, Send, Verdict
from connector.model.credentials import ApiKey, Credentials, Secret
from connector.model.ids import ClientOrderId, Symbol
from connector.model.instrument import Instrument, InstrumentKind
from connector.model.order import OrderIntent, OrderType, PositionSide, Side
from connector.paper import faces
from connector.paper.engine import Engine
from connector.paper.faces.bybit_v5 import KIT, FaceConfig, LimitConfig, build
from connector.venues.bybit_v5.sign import SIGN_PRIVATE
from connector.venues.registry import dialect_for
from connector.venues.signing import make_signer

BTC = Symbol("BTCUSDT")
T0 = 1_795_605_600_000
KEY, SECRET = "k" * 18, "s" * 36
DIALECT = dialect_for("bybit-v5")
SIGNER = make_signer(Credentials(api_key=ApiKey(KEY), secret=Secret(SECRET)))
RULES = Instrument(
    symbol=BTC,
    kind=InstrumentKind.PERPETUAL,
    base="BTC",
    quote="USDT",
    settle="USDT",
    tick_size=D("0.1"),
    qty_step=D("0.001"),
    min_qty=D("0.001"),
    max_qty=D(1190),
    market_max_qty=D(500),
)
FREE = FaceConfig(limits=LimitConfig(factor=10**6))


class World:
    """A venue, and the newest fact of every order that its stream told."""

    def __init__(self, *, is_hedge: bool) -> None:
        self.now, self.count, self.is_hedge = T0, 0, is_hedge
        self.engine = Engine(
            seed=3, now_ms=T0, instruments=KIT.instruments, rules=KIT.rules
        )
        self.engine.open_account("main", {"USDT": D(50_000)}, now_ms=T0)
        self.engine.freeze()
        self.engine.set_hedge("main", hedge=is_hedge, now_ms=T0)
        self.face = build(
            self.engine, account_id="main", api_key=KEY, api_secret=SECRET, config=FREE
        )
        self.orders: dict[str, OrderFact] = {}
        self.fills: dict[tuple[str, str], FillFact] = {}
        self.positions: dict[PositionSide, PositionFact] = {}
        self.face.open_socket(1, faces.Call(method="GET", target="/v5/private"), T0)
        login = DIALECT.sign_frame(Send(text="login", sign=SIGN_PRIVATE), SIGNER, T0)
        self.face.text_received(1, login, T0)
        topics = ["order", "execution", "execution.fast", "position", "wallet"]
        text = json.dumps({"op": "subscribe", "args": topics})
        self.face.text_received(1, text, T0)
        self.face.outbox.clear()

    def listen(self) -> None:
        """Read what the venue pushes."""
        self.now += 7
        self.face.on_time(self.now)
        for out in self.face.outbox:
            if isinstance(out, faces.Frame):
                for fact in DIALECT.read_frame(out.text.encode()):
                    self.take(fact)
        self.face.outbox.clear()

    def take(self, fact: Fact) -> None:
        """Keep the newest; hints are no fills."""
        match fact:
            case OrderFact(venue_order_id=str(order_id)):
                self.orders[order_id] = fact
            case FillFact(is_hint=False):
                key = (fact.venue_order_id, fact.trade_id)
                assert key not in self.fills
                self.fills[key] = fact
            case PositionFact():
                self.positions[fact.position_side] = fact

    def call(self, request: Request) -> Reply:
        """One signed REST call."""
        wire = DIALECT.sign(request, SIGNER, "http://v", self.now)
        reply = self.face.http(
            faces.Call(
                method=wire.method,
                target=wire.url.removeprefix("http://v"),
                headers={name.lower(): value for name, value in wire.headers},
                body=wire.body,
            ),
            self.now,
        )
        told = {name.lower(): value for name, value in reply.headers}
        answer = HttpAnswer(status=reply.status, headers=told, body=reply.body)
        return DIALECT.read_answer(request, answer)

    def ask(self, *requests: Request) -> list[Fact]:
        """All pages of all questions."""
        facts: list[Fact] = []
        waiting = list(requests)
        while waiting:
            reply = self.call(waiting.pop(0))
            assert reply.verdict is Verdict.OK, reply
            facts += reply.facts
            if reply.next_request is not None:
                waiting.append(reply.next_request)
        return facts

    def place(self, side: Side, price: int | None, *, reduces: bool) -> None:
        """An order of 0.010, at *price* or at the market."""
        self.count += 1
        held = PositionSide.NET
        if self.is_hedge:
            is_long = (side is Side.BUY) is not reduces
            held = PositionSide.LONG if is_long else PositionSide.SHORT
        intent = OrderIntent(
            symbol=BTC,
            side=side,
            order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
            qty=D("0.010"),
            price=None if price is None else D(price),
            position_side=held,
            reduce_only=reduces,
        )
        name = ClientOrderId(f"b{self.count}")
        reply = self.call(DIALECT.place(intent, name, RULES))
        assert reply.verdict in (Verdict.PROCESSING, Verdict.REJECTED)

    def change(self, at: int, *, price: int | None) -> None:
        """Amend the price of an open order, or cancel it."""
        named = self.engine.open_orders("main")
        if not named:
            return
        order_id = str(named[at % len(named)].order_id)
        body: dict[str, Any] = {"category": "linear", "symbol": "BTCUSDT"}
        body |= {"orderId": order_id}
        path = "/v5/order/cancel" if price is None else "/v5/order/amend"
        if price is not None:
            body["price"] = str(price)
        op = "cancel" if price is None else "amend"
        made = Request(op=op, method="POST", path=path, body=body, window_ms=3000)
        assert self.call(made).verdict in (Verdict.PROCESSING, Verdict.REJECTED)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("place", "market", "amend", "cancel", "trade", "funding")),
        st.sampled_from(list(Side)),
        st.integers(58_000, 62_000),
        st.booleans(),
    ),
    min_size=1,
    max_size=14,
)


@settings(deadline=None, max_examples=40)
@given(steps=STEPS, is_hedge=st.booleans())
def test_stream_questions_and_ledger_agree(
    steps: list[tuple[str, Side, int, bool]], is_hedge: bool
) -> None:
    """After any story: open orders, fills and positions, by all three ways."""
    world = World(is_hedge=is_hedge)
    for what, side, price, reduces in steps:
        match what:
            case "place":
                world.place(side, price, reduces=reduces)
            case "market":
                world.place(side, None, reduces=reduces)
            case "amend":
                world.change(price, price=price)
            case "cancel":
                world.change(price, price=None)
            case "trade":
                world.engine.trade_through("BTCUSDT", D(price), now_ms=world.now)
            case _:
                world.engine.settle_funding("BTCUSDT", D("0.0001"), now_ms=world.now)
        world.listen()

    def query(part: Part) -> tuple[Request, ...]:
        return DIALECT.query(part, symbols=[BTC], since_ms=T0, now_ms=world.now)

    listed = {
        fact.venue_order_id: fact
        for fact in world.ask(*query(Part.OPEN_ORDERS))
        if isinstance(fact, OrderFact)
    }
    told = {k: f for k, f in world.orders.items() if not f.status.is_terminal}
    assert listed == told
    resting = {str(order.order_id) for order in world.engine.open_orders("main")}
    assert resting == listed.keys()

    cursor = FillCursor(symbol=BTC, trade_id=None, venue_ms=0, since_ms=T0 - 1)
    asked = [
        (fact.venue_order_id, fact.trade_id, fact.qty, fact.price, fact.fee)
        for fact in world.ask(*DIALECT.query_fills(cursor, now_ms=world.now))
        if isinstance(fact, FillFact)
    ]
    heard = [
        (fact.venue_order_id, fact.trade_id, fact.qty, fact.price, fact.fee)
        for fact in world.fills.values()
    ]
    assert sorted(asked) == sorted(heard)
    assert len(heard) == len(world.engine.fills("main", limit=10_000))

    held = {
        fact.position_side: (fact.qty, fact.entry_price, fact.version)
        for fact in world.ask(*query(Part.POSITIONS))
        if isinstance(fact, PositionFact)
    }
    kept = {
        side: (fact.qty, fact.entry_price)
        for side, fact in world.positions.items()
        if fact.qty
    }
    assert {side: terms[:2] for side, terms in held.items()} == kept
