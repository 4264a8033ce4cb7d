"""Golden answers of Deribit become replies; errors say what they mean."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal as D
from typing import Any

import pytest

from connector.dialect.facts import (
    FillFact,
    InstrumentFact,
    LedgerFact,
    LimitsFact,
    OrderFact,
    PositionFact,
)
from connector.dialect.wire import HttpAnswer, Reply, Request, Verdict
from connector.model.account import LedgerKind
from connector.model.ids import ClientOrderId, Symbol
from connector.model.instrument import InstrumentKind, OptionType
from connector.model.limits import BucketScope
from connector.model.order import OrderStatus
from connector.venues.deribit import classify
from connector.venues.deribit.answers import read_answer, read_frame_reply

Answers = Callable[[str], list[tuple[dict[str, Any] | None, bytes]]]


def asking(op: str, **changes: Any) -> Request:
    return Request(op=op, method="GET", path="/api/v2/x", **changes)


def of_method(answers: Answers, name: str, method: str, number: int = 0) -> bytes:
    found = [raw for asked, raw in answers(name) if asked and asked["method"] == method]
    return found[number]


def read(request: Request, raw: bytes, status: int = 200) -> Reply:
    return read_answer(request, HttpAnswer(status=status, headers={}, body=raw))


def test_placed_and_filled_at_once(answers: Answers) -> None:
    """The order and its trades: the stream brings both again, counted once."""
    raw = of_method(answers, "trading", "private/sell")
    reply = read_frame_reply(
        asking("place", client_order_id=ClientOrderId("c1-01JD3V8AAA")), raw
    )
    order, fill = reply.facts
    assert reply.verdict is Verdict.OK
    assert isinstance(order, OrderFact)
    assert isinstance(fill, FillFact)
    assert order.status is OrderStatus.FILLED
    assert (fill.fee, fill.qty) == (D("0.0006"), D(2))


def test_an_answer_about_another_order_proves_nothing(answers: Answers) -> None:
    """Unknown, not accepted: something in between mixed up answers."""
    raw = of_method(answers, "trading", "private/buy")
    reply = read_frame_reply(
        asking("place", client_order_id=ClientOrderId("another")), raw
    )
    assert reply.verdict is Verdict.UNKNOWN


def test_cancel_answers_the_order_or_a_count(answers: Answers) -> None:
    """By id the bare order, by label how many: none means that it was too late."""
    by_id = read(asking("cancel"), of_method(answers, "trading", "private/cancel"))
    (order,) = by_id.facts
    assert isinstance(order, OrderFact)
    assert order.status is OrderStatus.CANCELED
    none = of_method(answers, "trading", "private/cancel_by_label")
    assert read(asking("cancel"), none).verdict is Verdict.NOT_OPEN


def test_two_orders_of_one_label_are_told(answers: Answers) -> None:
    """Oldest first; the machine adopts the first and reports the other."""
    raw = of_method(answers, "queries", "private/get_order_state_by_label")
    reply = read(asking("query_label", symbol=Symbol("BTC-PERPETUAL")), raw)
    assert [f.venue_order_id for f in reply.facts if isinstance(f, OrderFact)] == [
        "80123457101",
        "80123457114",
    ]


def test_no_order_of_a_label() -> None:
    """An empty list is "not known here"."""
    raw = b'{"id":1,"result":[],"usIn":1}'
    reply = read(asking("query_label", symbol=Symbol("BTC-PERPETUAL")), raw)
    assert reply.verdict is Verdict.NOT_FOUND


def test_history_is_walked_until_the_order_cannot_be_there(answers: Answers) -> None:
    """A page without it leads to the next one, but not past its birth."""
    raw = of_method(answers, "queries", "private/get_order_history_by_currency")
    context = {"ids": "80123457000", "since": "0"}
    found = read(asking("order_history", context=context), raw)
    assert found.verdict is Verdict.OK
    older = read(asking("order_history", context={"ids": "1", "since": "0"}), raw)
    assert older.verdict is Verdict.NOT_FOUND
    assert older.next_request is not None
    assert ("continuation", "xY7T6cutS3invented") in older.next_request.params
    late = {"ids": "1", "since": "1795168800001"}
    assert read(asking("order_history", context=late), raw).next_request is None


def test_positions_are_as_new_as_the_question(answers: Answers) -> None:
    """Rows have no time of their own: `usIn` is theirs. Shorts are negative."""
    raw = of_method(answers, "account", "private/get_positions")
    long, short = read(asking("positions"), raw).facts
    assert isinstance(long, PositionFact)
    assert isinstance(short, PositionFact)
    assert (long.qty, short.qty) == (D(20000), D(-2))
    assert long.venue_ns == 1795168800000120 * 1000
    assert long.is_as_of


def test_limits_are_learnt(answers: Answers) -> None:
    """Rates and bursts per call, credits for the rest."""
    raw = of_method(answers, "account", "private/get_account_summary")
    (limits,) = [
        f for f in read(asking("settings"), raw).facts if isinstance(f, LimitsFact)
    ]
    sizes = {spec.id: (spec.limit, spec.refill_per_s) for spec in limits.specs}
    assert sizes["matching"] == (20, 5)
    assert sizes["requests"] == (50_000, 10_000)
    assert all(spec.learnt for spec in limits.specs)


def test_the_transaction_log(answers: Answers) -> None:
    """What moved the wallet, fees apart, numbered; delivery moves the position."""
    raw = of_method(answers, "ledger", "private/get_transaction_log")
    facts = [f for f in read(asking("ledger"), raw).facts if isinstance(f, LedgerFact)]
    assert sum(f.amount for f in facts) == D("0.0045") + D("0.003") + D(
        "0.00103252"
    ) + D("0.02082902") - D("0.5")
    assert [f.seq for f in facts if f.seq] == sorted(f.seq for f in facts if f.seq)
    (delivery,) = [f for f in facts if f.kind is LedgerKind.DELIVERY]
    assert delivery.position_change == D(-1)
    (settled,) = [f for f in facts if f.kind is LedgerKind.SETTLEMENT]
    assert settled.position_change is None


def test_instruments(answers: Answers) -> None:
    """Inverse perpetual, option with tick steps, linear perpetual."""
    raw = of_method(answers, "instruments", "public/get_instruments")
    facts = read(asking("instruments"), raw).facts
    inverse, option, linear = [
        f.instrument for f in facts if isinstance(f, InstrumentFact)
    ]
    assert (inverse.kind, inverse.is_inverse) == (InstrumentKind.PERPETUAL, True)
    assert inverse.expiry_ms is None
    assert (option.strike, option.option_type) == (D(110000), OptionType.CALL)
    assert option.expiry_ms == 1798185600000
    assert option.tick_at(D("0.004")) == D("0.0001")
    assert option.tick_at(D("0.006")) == D("0.0005")
    assert (linear.settle, linear.qty_step) == ("USDC", D("0.001"))


CASES = [
    (10009, "place", Verdict.REJECTED),
    (10007, "place", Verdict.REJECTED),
    (11054, "place", Verdict.REJECTED),
    (-32602, "place", Verdict.REJECTED),
    (99999, "place", Verdict.REJECTED),
    (10028, "place", Verdict.NOT_EXECUTED),
    (10040, "place", Verdict.NOT_EXECUTED),
    (10041, "place", Verdict.NOT_EXECUTED),
    (10047, "place", Verdict.NOT_EXECUTED),
    (13888, "place", Verdict.NOT_EXECUTED),
    (13009, "place", Verdict.NOT_EXECUTED),
    (13666, "cancel", Verdict.NOT_EXECUTED),
    (10050, "place", Verdict.UNKNOWN),
    (11051, "amend", Verdict.UNKNOWN),
    (13028, "cancel", Verdict.UNKNOWN),
    (13028, "positions", Verdict.NOT_EXECUTED),
    (11044, "cancel", Verdict.NOT_OPEN),
    (10010, "amend", Verdict.NOT_OPEN),
    (10004, "query_order", Verdict.NOT_FOUND),
    (10004, "place", Verdict.UNKNOWN),
]


@pytest.mark.parametrize(("code", "op", "verdict"), CASES)
def test_codes(code: int, op: str, verdict: Verdict) -> None:
    """The code decides, whatever the text says and whatever the HTTP status is."""
    raw = json.dumps({"id": 1, "error": {"code": code, "message": "x 1.5"}}).encode()
    for status in (200, 400, 503):
        assert read(asking(op), raw, status).verdict is verdict


def test_an_empty_pool_stops_everything() -> None:
    """10028: the account waits until its pool has refilled."""
    raw = b'{"id":1,"error":{"code":10028,"message":"too_many_requests"}}'
    throttle = read(asking("place"), raw).throttle
    assert throttle is not None
    assert throttle.scope is BucketScope.ACCOUNT


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (502, b"<html>bad</html>", Verdict.UNKNOWN),
        (200, b'{"jsonrpc":"2.0","result":{"ord', Verdict.UNKNOWN),
        (200, b'{"id":1,"result":null}', Verdict.UNKNOWN),
        (429, b"", Verdict.NOT_EXECUTED),
        (500, b'{"id":1,"result":{}}', Verdict.UNKNOWN),
    ],
)
def test_answers_that_say_nothing(status: int, body: bytes, verdict: Verdict) -> None:
    """Neither yes nor no: a command stays in doubt."""
    assert read(asking("place"), body, status).verdict is verdict


def test_golden_errors_are_all_known(answers: Answers) -> None:
    """No published code falls through by accident: those without a meaning of their
    own are refusals."""
    for _, raw in answers("errors"):
        reply = read_frame_reply(asking("place"), raw)
        code = int(reply.code)
        if code not in classify.CODES:
            assert reply.verdict is Verdict.REJECTED
