"""Tests of answers and classify: what each HTTP or WebSocket answer means."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from connector.dialect.facts import (
    AccountFact,
    BalanceFact,
    BracketFact,
    FillFact,
    InstrumentFact,
    KeyFact,
    LedgerFact,
    LimitsFact,
    MarkFact,
    OrderFact,
    PositionFact,
    SettingFact,
    TokenFact,
    UnknownFact,
)
from connector.dialect.wire import Reply, Request, Verdict
from connector.model.account import LedgerKind, MarginMode
from connector.model.ids import ClientOrderId, Symbol
from connector.model.instrument import InstrumentKind
from connector.model.noun import replace
from connector.model.order import OrderStatus, PositionSide

BTC = Symbol("BTCUSDT")
MS = 1_000_000


# --- success --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "file", "status"),
    [
        ("place", "rest_order_new_ack.json", OrderStatus.NEW),
        ("place", "rest_order_new_legacy_fields.json", OrderStatus.NEW),
        ("amend", "rest_order_modify.json", OrderStatus.NEW),
        ("cancel", "rest_order_cancel.json", OrderStatus.CANCELED),
        ("query_order", "rest_order_query.json", OrderStatus.FILLED),
        ("place_conditional", "rest_algo_order_new.json", OrderStatus.NEW),
        ("query_conditional", "rest_algo_order_query.json", OrderStatus.FILLED),
        ("open_orders", "rest_open_orders.json", OrderStatus.NEW),
        ("open_conditionals", "rest_open_algo_orders.json", OrderStatus.NEW),
    ],
)
def test_an_order_answer_is_its_state(dialect, ask, answer, golden, op, file, status):
    """Accepted, with the state the venue tells."""
    reply = dialect.read_answer(ask[op], answer(golden(file)))
    (fact,) = reply.facts
    assert reply.verdict is Verdict.OK
    assert isinstance(fact, OrderFact)
    assert status is fact.status
    assert fact.is_conditional is ("conditional" in op)
    assert fact.is_amend is (op == "amend")


def test_a_market_order_answers_its_final_state(dialect, ask, answer, golden) -> None:
    """RESULT: filled quantity now, the average price from elsewhere."""
    request = replace(ask["place"], client_order_id=ClientOrderId("cx-20261122-000003"))
    reply = dialect.read_answer(
        request, answer(golden("rest_order_new_result_market.json"))
    )
    (fact,) = reply.facts
    assert (fact.status, fact.filled_qty) == (OrderStatus.FILLED, Decimal("0.010"))
    assert fact.avg_price is None


def test_a_triggered_conditional_order_names_what_it_became(
    dialect, ask, answer, golden
) -> None:
    """The algo store tells the id of the real order, and how it ended."""
    body = golden("rest_algo_order_query.json")
    (fact,) = dialect.read_answer(ask["query_conditional"], answer(body)).facts
    assert fact.triggered_order_id == "715550001300"
    assert (fact.filled_qty, fact.avg_price) == (Decimal("0.010"), Decimal("58001.5"))


def small(golden, call: str):
    return next(
        row["body"]
        for row in golden("rest_small_responses.jsonl")
        if row["call"].split("?")[0].endswith(call)
    )


def test_short_answers(dialect, ask, answer, golden) -> None:
    """Settings, timers, keys and clocks, each as its facts."""
    told = {
        op: dialect.read_answer(ask[op], answer(small(golden, call)))
        for op, call in {
            "server_time": "GET /fapi/v1/time",
            "listen_key_start": "POST /fapi/v1/listenKey",
            "listen_key_keepalive": "PUT /fapi/v1/listenKey",
            "cancel_all": "DELETE /fapi/v1/allOpenOrders",
            "cancel_conditional": "DELETE /fapi/v1/algoOrder",
            "dead_man": "POST /fapi/v1/countdownCancelAll",
            "set_leverage": "POST /fapi/v1/leverage",
            "set_margin_mode": "POST /fapi/v1/marginType",
            "set_hedge_mode": "POST /fapi/v1/positionSide/dual",
            "account_config": "GET /fapi/v1/accountConfig",
            "symbol_config": "GET /fapi/v1/symbolConfig",
            "marks": "GET /fapi/v1/premiumIndex",
            "key_info": "/sapi/v1/account/apiRestrictions",
        }.items()
    }
    assert {reply.verdict for reply in told.values()} == {Verdict.OK}
    assert told["server_time"].server_ms == 1795341600000
    (token,) = told["listen_key_start"].facts
    assert isinstance(token, TokenFact)
    assert token.lifetime_s == 3600
    assert told["listen_key_keepalive"].facts == (token,)
    (cancelled,) = told["cancel_conditional"].facts
    assert cancelled.status is OrderStatus.CANCELED
    assert cancelled.is_conditional
    assert told["set_leverage"].facts == (SettingFact(symbol=BTC, leverage=20),)
    isolated = SettingFact(symbol=BTC, margin_mode=MarginMode.ISOLATED)
    assert told["set_margin_mode"].facts == (isolated,)
    assert told["set_hedge_mode"].facts == (SettingFact(is_hedge_mode=True),)
    assert told["account_config"].facts == (
        SettingFact(is_hedge_mode=False, is_multi_asset=False, can_trade=True),
    )
    assert told["symbol_config"].facts == (
        SettingFact(symbol=BTC, leverage=20, margin_mode=MarginMode.CROSS),
    )
    (mark,) = told["marks"].facts
    assert isinstance(mark, MarkFact)
    assert mark.mark_price == Decimal("60250.00000000")
    assert told["key_info"].facts == (
        KeyFact(can_trade=True, can_withdraw=False, is_ip_bound=True),
    )


def test_a_snapshot_of_the_account(dialect, ask, answer, golden) -> None:
    """Positions, wallets, the venue's own totals, executions, ledger."""
    (position,) = dialect.read_answer(
        ask["positions"], answer(golden("rest_position_risk_v3.json"))
    ).facts
    assert isinstance(position, PositionFact)
    assert (position.qty, position.entry_price) == (Decimal("0.010"), Decimal(60000))
    assert position.position_side is PositionSide.NET
    assert position.liquidation_price is None
    balance, account = dialect.read_answer(
        ask["account"], answer(golden("rest_account_v3.json"))
    ).facts
    assert isinstance(balance, BalanceFact)
    assert balance.wallet == balance.cross_wallet == Decimal("4999.88")
    assert isinstance(account, AccountFact)
    assert account.fields["availableBalance"] == "4957.50500000"
    assert account.venue_ns == 1795341605300 * MS
    fills = dialect.read_answer(
        ask["fills"], answer(golden("rest_user_trades.json"))
    ).facts
    assert all(isinstance(fill, FillFact) for fill in fills)
    assert [(f.trade_id, f.fee) for f in fills] == [
        ("5012345678", Decimal("0.048")),
        ("5012345702", Decimal("0.072")),
    ]
    ledger = dialect.read_answer(
        ask["ledger"], answer(golden("rest_income.json"))
    ).facts
    assert all(isinstance(entry, LedgerFact) for entry in ledger)
    assert [(f.kind, f.entry_id, f.symbol, f.trade_id) for f in ledger] == [
        (LedgerKind.FUNDING, "FUNDING_FEE:9689322392001", BTC, None),
        (LedgerKind.FEE, "COMMISSION:9689322391000", BTC, "5012345678"),
        (LedgerKind.TRANSFER, "TRANSFER:9689322390000", None, None),
    ]


def test_whole_rows_are_exact(dialect, ask, answer, golden) -> None:
    """Every field, the venue's times among them, of one row of each kind."""
    rows = {
        "fills": "rest_user_trades.json",
        "ledger": "rest_income.json",
        "positions": "rest_position_risk_v3.json",
        "account": "rest_account_v3.json",
        "query_order": "rest_order_query.json",
        "query_conditional": "rest_algo_order_query.json",
    }
    first = {
        op: dialect.read_answer(ask[op], answer(golden(name))).facts[0]
        for op, name in rows.items()
    }
    fill = first["fills"]
    assert (fill.venue_ns, fill.fee_asset) == (1795341605100 * MS, "USDT")
    assert (fill.qty, fill.price, fill.is_maker) == (Decimal("0.004"), 60000, True)
    assert (first["ledger"].venue_ns, first["ledger"].asset) == (
        1795363200000 * MS,
        "USDT",
    )
    assert first["ledger"].amount == Decimal("-0.06025000")
    assert first["positions"].venue_ns == 1795341605300 * MS
    assert first["account"].venue_ns == 1795341605300 * MS
    order, algo = first["query_order"], first["query_conditional"]
    assert (order.venue_ns, order.created_ns) == (
        1795341605300 * MS,
        1795341600012 * MS,
    )
    assert (algo.venue_ns, algo.created_ns) == (
        1795341650000 * MS,
        1795341606000 * MS,
    )
    for fact in first.values():
        assert isinstance(fact.venue_ns, int)
    mark = dialect.read_answer(
        ask["marks"], answer(small(golden, "GET /fapi/v1/premiumIndex"))
    ).facts[0]
    assert (mark.venue_ns, mark.next_funding_ns) == (
        1795341605400 * MS,
        1795363200000 * MS,
    )


def test_instruments_limits_and_tiers(dialect, ask, answer, golden) -> None:
    """Rules come from the filters, not from the precisions; limits are learnt."""
    instrument, limits = dialect.read_answer(
        ask["instruments"], answer(golden("rest_exchange_info.json"))
    ).facts
    assert isinstance(instrument, InstrumentFact)
    rules = instrument.instrument
    assert rules.kind is InstrumentKind.PERPETUAL
    assert (rules.tick_size, rules.qty_step) == (Decimal("0.10"), Decimal("0.001"))
    assert (rules.max_qty, rules.market_max_qty) == (1000, 120)
    assert rules.min_notional == 50
    assert (rules.percent_up, rules.percent_down) == (Decimal("1.05"), Decimal("0.95"))
    assert (rules.min_price, rules.max_open_orders) == (Decimal("556.80"), 200)
    assert (rules.settle, rules.expiry_ms, rules.is_trading) == ("USDT", None, True)
    assert isinstance(limits, LimitsFact)
    assert {(s.id, s.limit, s.learnt) for s in limits.specs} >= {
        ("weight-1m", 2400, True),
        ("orders-10s", 300, True),
        ("orders-1m", 1200, True),
    }
    document = golden("rest_leverage_bracket.json")
    (tiers,) = dialect.read_answer(ask["brackets"], answer(document)).facts
    assert isinstance(tiers, BracketFact)
    assert tiers.brackets[2].maintenance_rate == Decimal("0.0065")
    bare = dialect.read_answer(ask["brackets"], answer(document[0])).facts
    assert bare == (tiers,)


def test_json_numbers_of_the_tiers_stay_exact(dialect, ask, answer) -> None:
    """They never pass through a float; a user's coefficient scales the caps."""
    body = (
        b'[{"symbol":"X","notionalCoef":1.5,"brackets":[{"initialLeverage":20,'
        b'"notionalCap":12345678901234567.123456789,"notionalFloor":10,'
        b'"maintMarginRatio":0.1000000000000000055511151231257827,"cum":2.0}]}]'
    )
    (fact,) = dialect.read_answer(ask["brackets"], answer(body)).facts
    (tier,) = fact.brackets
    assert tier.cap == Decimal("12345678901234567.123456789") * Decimal("1.5")
    assert tier.maintenance_rate == Decimal("0.1000000000000000055511151231257827")
    assert (tier.cum, tier.floor) == (3, 15)


@pytest.mark.parametrize("name", ["notionalFloor", "notionalCap", "maintMarginRatio"])
@pytest.mark.parametrize("value", [None, "", []])
def test_a_tier_without_its_numbers_is_refused(
    dialect, ask, answer, golden, name, value
) -> None:
    """A rate taken for 0 would show margin that is not there."""
    body = json.loads(json.dumps(golden("rest_leverage_bracket.json")))
    body[0]["brackets"][0][name] = value
    assert dialect.read_answer(ask["brackets"], answer(body)).facts == ()


def test_one_broken_instrument_hides_itself_alone(dialect, ask, answer, golden) -> None:
    """The others stay tradable."""
    body = json.loads(json.dumps(golden("rest_exchange_info.json")))
    body["symbols"].insert(0, {"symbol": "ODD"})
    bad, good, _ = dialect.read_answer(ask["instruments"], answer(body)).facts
    assert isinstance(bad, UnknownFact)
    assert isinstance(good, InstrumentFact)


def test_a_batch_answers_one_by_one(dialect, ask, answer, golden) -> None:
    """In request order: an order, a refusal; a missing or foreign entry is
    unknown, never taken for another."""
    body = golden("rest_batch_place_mixed.json")
    reply = dialect.read_answer(ask["place_batch"], answer(body))
    assert [(i.verdict, i.code) for i in reply.items] == [
        (Verdict.OK, ""),
        (Verdict.REJECTED, "-2022"),
    ]
    turned = dialect.read_answer(ask["place_batch"], answer(body[::-1]))
    assert [i.verdict for i in turned.items] == [Verdict.REJECTED, Verdict.UNKNOWN]
    short = dialect.read_answer(ask["place_batch"], answer(body[:1]))
    assert [i.verdict for i in short.items] == [Verdict.OK, Verdict.UNKNOWN]
    cancels = golden("rest_batch_cancel_mixed.json")
    reply = dialect.read_answer(ask["cancel_batch"], answer(cancels))
    assert [i.verdict for i in reply.items] == [Verdict.OK, Verdict.NOT_OPEN]


def test_a_batch_that_failed_as_a_whole_fails_in_every_entry(dialect, ask, answer):
    """Each order is told the same."""
    body = {"code": -4082, "msg": "Invalid number of batch place orders"}
    reply = dialect.read_answer(ask["place_batch"], answer(body, 400))
    assert [i.verdict for i in reply.items] == [Verdict.REJECTED] * 2
    reply = dialect.read_answer(ask["place_batch"], answer(b"<html>", 502))
    assert [i.verdict for i in reply.items] == [Verdict.UNKNOWN] * 2


# --- usage ------------------------------------------------------------------------


def test_usage_headers_become_bucket_counts(dialect, ask, answer, golden) -> None:
    """Whatever their case; -1 (weight-0 calls) and nonsense are ignored."""
    body = golden("rest_order_new_ack.json")
    headers = {
        "X-MBX-USED-WEIGHT-1M": "-1",
        "x-mbx-order-count-10s": "3",
        "x-mbx-order-count-1m": "17",
        "x-mbx-used-weight": "5",
        "x-mbx-used-weight-1h": "many",
        "server": "x",
    }
    reply = dialect.read_answer(ask["place"], answer(body, **headers))
    assert reply.used == (("orders-10s", 3), ("orders-1m", 17))
    failed = dialect.read_answer(
        ask["place"], answer(b"", 502, **{"x-mbx-used-weight-1m": "2399"})
    )
    assert failed.used == (("weight-1m", 2399),)


@pytest.mark.parametrize(
    ("op", "body"),
    [
        (
            "cancel_conditional",
            {"algoId": 1, "clientAlgoId": "a", "code": "201", "msg": ""},
        ),
        ("cancel_all", {"code": 0, "msg": "?"}),
        ("set_margin_mode", {"code": 1, "msg": "?"}),
    ],
)
def test_neither_done_nor_refused_is_unknown(dialect, ask, answer, op, body) -> None:
    """A success that is not the one we know proves nothing."""
    assert dialect.read_answer(ask[op], answer(body)).verdict is Verdict.UNKNOWN


def test_the_key_host_has_limits_of_its_own(dialect, ask, answer) -> None:
    """Its usage and its 429 must not stop trading on the other host."""
    body = {"code": -1003, "msg": "Too many requests"}
    headers = {"x-mbx-used-weight-1m": "5999"}
    reply = dialect.read_answer(ask["key_info"], answer(body, 429, **headers))
    assert reply.verdict is Verdict.NOT_EXECUTED
    assert (reply.throttle, reply.used) == (None, ())


# --- the WebSocket API ------------------------------------------------------------


def test_websocket_answers_mean_what_rest_answers_mean(dialect, ask, golden) -> None:
    """The same reader, with status and usage inside the frame."""
    frames = {
        row["m"]["id"]: json.dumps(row["m"]).encode()
        for row in golden("wsapi_messages.jsonl")
        if row["dir"] == "<"
    }

    def read(op: str, frame_id: str) -> Reply:
        return dialect.read_frame_reply(ask[op], frames[frame_id])

    placed = read("place", "o1")
    assert placed.verdict is Verdict.OK
    assert placed.used == (("weight-1m", 7), ("orders-10s", 1), ("orders-1m", 1))
    assert read("place", "o2").verdict is Verdict.REJECTED
    assert read("amend", "m1").facts[0].is_amend
    assert read("cancel", "c1").facts[0].status is OrderStatus.CANCELED
    assert read("cancel", "c2").verdict is Verdict.NOT_OPEN
    assert read("query_order", "q1").facts[0].filled_qty == Decimal("0.010")
    assert read("place_conditional", "a1").facts[0].is_conditional
    assert read("cancel_conditional", "a2").facts[0].status is OrderStatus.CANCELED


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b'{"id":"1","status":200}', b"[" * 9999, b"\xff"]
)
def test_a_broken_websocket_answer_is_unknown(dialect, ask, raw: bytes) -> None:
    """As on REST."""
    assert dialect.read_frame_reply(ask["place"], raw).verdict is Verdict.UNKNOWN


def test_every_request_kind_has_a_reader(dialect, ask, answer) -> None:
    """No request can be built whose answer nobody can read."""
    request: Request
    for request in ask.values():
        reply = dialect.read_answer(request, answer(b"", 500))
        assert isinstance(reply, Reply)
        assert isinstance(dialect.read_answer(request, answer(b"{}")), Reply)
