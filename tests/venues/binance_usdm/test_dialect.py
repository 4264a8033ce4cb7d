"""Tests of the dialect as a whole: properties over anything the wire may bring."""

from __future__ import annotations

import json
from decimal import Decimal
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.dialect import Capability, Dialect, Part, ResendPolicy
from connector.dialect.facts import FillFact, OrderFact, UnknownFact
from connector.dialect.wire import HttpAnswer, Reply, Request, Verdict
from connector.model.credentials import ApiKey, Credentials, KeyKind, Secret
from connector.model.ids import ClientOrderId, Symbol
from connector.model.money import text_of
from connector.model.order import (
    Order,
    OrderIntent,
    OrderStatus,
    OrderType,
    PositionSide,
    SelfTradePrevention,
    Side,
    Terms,
    TimeInForce,
)
from connector.venues.binance_usdm import words
from connector.venues.binance_usdm.dialect import BinanceUsdm
from connector.venues.registry import dialect_for
from connector.venues.signing import make_signer

DIALECT: Dialect = BinanceUsdm()
SIGNER = make_signer(
    Credentials(
        api_key=ApiKey("k" * 64), secret=Secret("not a real one"), kind=KeyKind.HMAC
    )
)

amounts = st.decimals(
    min_value=Decimal("0.00000001"),
    max_value=Decimal("9999999999"),
    places=8,
    allow_nan=False,
    allow_infinity=False,
)
client_ids = st.from_regex(r"[A-Za-z0-9]{1,32}", fullmatch=True).map(ClientOrderId)
symbols = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20
).map(Symbol)


@st.composite
def limit_intents(draw: st.DrawFn) -> OrderIntent:
    lifetime = draw(st.sampled_from(TimeInForce))
    post_only = lifetime is TimeInForce.GTC and draw(st.booleans())
    side_of_position = draw(st.sampled_from(PositionSide))
    return OrderIntent(
        symbol=draw(symbols),
        side=draw(st.sampled_from(Side)),
        order_type=OrderType.LIMIT,
        qty=draw(amounts),
        price=draw(amounts),
        time_in_force=lifetime,
        post_only=post_only,
        good_till_ms=1795341600000 if lifetime is TimeInForce.GTD else None,
        reduce_only=side_of_position is PositionSide.NET and draw(st.booleans()),
        position_side=side_of_position,
        self_trade_prevention=draw(st.sampled_from(SelfTradePrevention)),
    )


def echo(request: Request, **state: object) -> dict[str, object]:
    """The order object a venue would answer to a placement."""
    sent = dict(request.params)
    return {
        "orderId": 8389765739703625592,
        "symbol": sent["symbol"],
        "status": "NEW",
        "clientOrderId": sent["newClientOrderId"],
        "price": sent["price"],
        "origQty": sent["quantity"],
        "executedQty": "0",
        "timeInForce": sent["timeInForce"],
        "type": sent["type"],
        "reduceOnly": sent.get("reduceOnly") == "true",
        "closePosition": False,
        "side": sent["side"],
        "positionSide": sent["positionSide"],
        "updateTime": 1795341600012,
        **state,
    }


@given(intent=limit_intents(), name=client_ids)
@settings(deadline=None)
def test_an_order_comes_back_as_it_was_asked(intent: OrderIntent, name) -> None:
    """Request and answer speak of the same order, to the last digit, whichever
    way it travels (form body, JSON frame, pushed event)."""
    request = DIALECT.place(intent, name, None)
    body = echo(request)
    reply = DIALECT.read_answer(
        request, HttpAnswer(status=200, headers={}, body=json.dumps(body).encode())
    )
    (fact,) = reply.facts
    assert isinstance(fact, OrderFact)
    assert reply.verdict is Verdict.OK
    same = ("symbol", "side", "time_in_force", "post_only", "qty", "price")
    same += ("reduce_only", "position_side", "order_type")
    for field in same:
        assert getattr(intent, field) == getattr(fact, field), field
    assert fact.client_order_id == name

    form = dict(parse_qsl(DIALECT.sign(request, SIGNER, "https://x", 1).body.decode()))
    assert {k: form[k] for k, _ in request.params} == dict(request.params)
    frame = json.loads(DIALECT.sign_request_frame(request, SIGNER, "1", 1).text)
    for key, value in request.params:
        assert str(frame["params"][key]) == value


@given(
    side=st.sampled_from(Side),
    qty=amounts,
    price=amounts,
    fee=amounts,
    ids=st.tuples(st.integers(1, 2**63), st.integers(1, 2**63)),
    time=st.integers(0, 2**42),
    name=st.text(max_size=36),
)
@settings(deadline=None)
def test_an_execution_comes_in_as_it_was_pushed(
    side, qty, price, fee, ids, time, name
) -> None:
    """Every number of a fill survives the frame, exactly."""
    order_id, trade_id = ids
    state = {
        "s": "BTCUSDT",
        "c": name,
        "S": side.value,
        "o": "LIMIT",
        "f": "GTC",
        "q": text_of(qty),
        "p": text_of(price),
        "x": "TRADE",
        "X": "FILLED",
        "i": order_id,
        "l": text_of(qty),
        "z": text_of(qty),
        "L": text_of(price),
        "n": text_of(fee),
        "N": "USDT",
        "T": time,
        "t": trade_id,
        "ps": "BOTH",
    }
    message = {"e": "ORDER_TRADE_UPDATE", "E": time, "T": time, "o": state}
    order, fill = DIALECT.read_frame(json.dumps(message).encode())
    assert isinstance(order, OrderFact)
    assert isinstance(fill, FillFact)
    assert (fill.qty, fill.price, fill.fee) == (qty, price, fee)
    assert (fill.venue_order_id, fill.trade_id) == (str(order_id), str(trade_id))
    assert (order.client_order_id or "") == name
    assert fill.venue_ns == time * 1_000_000


kinds = st.sampled_from(
    [
        "ORDER_TRADE_UPDATE",
        "TRADE_LITE",
        "ACCOUNT_UPDATE",
        "ALGO_UPDATE",
        "MARGIN_CALL",
        "ACCOUNT_CONFIG_UPDATE",
        "markPriceUpdate",
        "listenKeyExpired",
        "OTHER",
    ]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
names = st.sampled_from([*"eETosxXiqplLztaBPmSacjwb", "ai", "ac", "data", "id"])
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6)
    ),
    max_leaves=30,
)


@given(raw=st.binary(max_size=300))
@settings(deadline=None)
def test_any_bytes_can_be_read(raw: bytes) -> None:
    """Nothing kills the reader: bytes that are no frame are kept as one."""
    facts = DIALECT.read_frame(raw)
    assert facts


@given(kind=kinds, document=st.dictionaries(names, documents, max_size=8))
@settings(deadline=None)
def test_any_document_of_a_known_kind_can_be_read(kind, document) -> None:
    """Known kinds with anything inside: facts, or kept raw; never an error."""
    raw = json.dumps({**document, "e": kind}).encode()
    for fact in DIALECT.read_frame(raw):
        assert fact is not None


ORDER = Order(
    client_order_id=ClientOrderId("cx1"),
    venue_order_id=None,
    symbol=Symbol("BTCUSDT"),
    side=Side.BUY,
    order_type=OrderType.LIMIT,
    status=OrderStatus.NEW,
    qty=Decimal(1),
    price=Decimal(1),
)
INTENT = OrderIntent(
    symbol=Symbol("BTCUSDT"),
    side=Side.BUY,
    order_type=OrderType.LIMIT,
    qty=Decimal(1),
    price=Decimal(1),
)
REQUESTS = [
    DIALECT.place(INTENT, ClientOrderId("cx1"), None),
    DIALECT.place_batch([(INTENT, ClientOrderId("cx1"), None)] * 2),
    DIALECT.cancel(ORDER),
    DIALECT.cancel_batch([ORDER]),
    *DIALECT.cancel_all(Symbol("BTCUSDT")),
    DIALECT.amend(ORDER, None, Terms(qty=Decimal(1), price=Decimal(2))),
    DIALECT.server_time(),
    *DIALECT.query_order(ORDER),
    *(
        request
        for part in Part
        for request in DIALECT.query(
            part, symbols=[Symbol("BTCUSDT")], since_ms=0, now_ms=1000
        )
    ),
]
statuses = st.sampled_from([200, 204, 301, 400, 401, 403, 408, 418, 429, 500, 503])


@given(
    request=st.sampled_from(REQUESTS),
    status=statuses,
    body=st.binary(max_size=200) | documents.map(lambda d: json.dumps(d).encode()),
)
@settings(deadline=None)
def test_any_answer_can_be_read(request: Request, status: int, body: bytes) -> None:
    """Whatever comes: a Reply, and for a command never OK by accident."""
    reply = DIALECT.read_answer(
        request, HttpAnswer(status=status, headers={}, body=body)
    )
    assert isinstance(reply, Reply)
    if status >= 300:
        assert reply.verdict is not Verdict.OK
    frame_reply = DIALECT.read_frame_reply(request, body)
    assert isinstance(frame_reply, Reply)


@given(code=st.integers(-9999, 9999), text=st.text(max_size=60), status=statuses)
@settings(deadline=None)
def test_a_server_error_is_never_a_refusal(code: int, text: str, status: int) -> None:
    """5xx and 408 after a placement: unknown, or told not to be executed."""
    body = json.dumps({"code": code, "msg": text}).encode()
    reply = DIALECT.read_answer(
        REQUESTS[0], HttpAnswer(status=status, headers={}, body=body)
    )
    if status == 408 or status >= 500:
        assert reply.verdict in {Verdict.UNKNOWN, Verdict.NOT_EXECUTED}


def test_what_the_venue_is_like() -> None:
    """Constants that core relies on, each from the venue's documentation."""
    facts = dialect_for("binance").facts
    assert facts.resend is ResendPolicy.AFTER_PROOF
    assert facts.ack_is_final
    assert not facts.snapshot_on_subscribe
    assert (facts.batch_place_max, facts.batch_cancel_max) == (5, 10)
    assert facts.rotate_after_s < 24 * 3600
    assert facts.unfilled_retention_s == 3 * 86_400
    assert Capability.DEAD_MAN_TIMER in facts.capabilities


def test_every_type_and_lifetime_of_ours_has_a_word() -> None:
    """No order that passes our checks can fail for want of a translation."""
    assert set(words.TYPE_WORDS) == set(OrderType)
    assert set(words.SELF_TRADE_WORDS) == set(SelfTradePrevention)
    assert set(words.POSITION_SIDE_WORDS) == set(PositionSide)
    assert {tif for tif, _ in words.LIFETIMES.values()} == set(TimeInForce)


@pytest.mark.parametrize("kind", ["markPriceUpdate", "OTHER"])
def test_a_broken_public_frame_is_no_gap(kind: str) -> None:
    """Marks are not account state: the next one is a second away."""
    (fact,) = DIALECT.read_frame(json.dumps({"e": kind}).encode())
    assert isinstance(fact, UnknownFact)
    assert not fact.is_gap
