"""Tests of answers and classify: what each HTTP or WebSocket answer means."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from connector.dialect import FillCursor, Part
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
from connector.model.ids import ClientOrderId, Symbol, VenueOrderId
from connector.model.instrument import InstrumentKind
from connector.model.limits import BucketScope
from connector.model.order import OrderStatus, OrderType, PositionSide
from connector.venues.binance_usdm import requests

BTC = Symbol("BTCUSDT")
MS = 1_000_000


@pytest.fixture
def ask(dialect, intent, order):
    """One request of every kind, by name."""
    stop = order(
        order_type=OrderType.STOP_MARKET,
        venue_order_id=VenueOrderId("1000000033225453"),
    )
    snapshot = {
        request.op: request
        for part in Part
        for request in dialect.query(part, symbols=[BTC], since_ms=0, now_ms=10**12)
    }
    cursor = FillCursor(symbol=BTC, trade_id=None, venue_ms=0, since_ms=0)
    return {
        **snapshot,
        "place": replace(
            requests.place(intent(), ClientOrderId("cx-20261122-000001")),
        ),
        "place_algo": requests.place(
            intent(
                order_type=OrderType.STOP_MARKET,
                price=None,
                trigger_price=Decimal(58000),
            ),
            ClientOrderId("cx-20261122-a0001"),
        ),
        "place_batch": requests.place_batch(
            [
                (intent(), ClientOrderId("cx-b-1")),
                (intent(), ClientOrderId("cx-b-2")),
            ]
        ),
        "amend": requests.amend(order(), Decimal(1), Decimal(2), ""),
        "cancel": requests.cancel(order()),
        "cancel_algo": requests.cancel(stop),
        "cancel_batch": requests.cancel_batch([order(), order()]),
        "cancel_all": requests.cancel_all(BTC)[0],
        "set_leverage": requests.set_leverage(BTC, 20),
        "set_margin_mode": requests.set_margin_mode(BTC, MarginMode.ISOLATED),
        "set_hedge_mode": requests.set_hedge_mode(is_hedge=True),
        "dead_man": requests.dead_man(BTC, 120_000),
        "server_time": dialect.server_time(),
        "query_order": dialect.query_order(order())[0],
        "query_algo": dialect.query_order(stop)[0],
        "fills": dialect.query_fills(cursor, now_ms=1000)[0],
        "listen_key_start": requests.listen_key("listen_key_start"),
        "listen_key_keepalive": requests.listen_key("listen_key_keepalive"),
    }


COMMANDS = [
    "place",
    "place_algo",
    "place_batch",
    "amend",
    "cancel",
    "cancel_algo",
    "cancel_batch",
    "cancel_all",
    "set_leverage",
    "set_margin_mode",
    "set_hedge_mode",
    "dead_man",
]


# --- success --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "file", "status"),
    [
        ("place", "rest_order_new_ack.json", OrderStatus.NEW),
        ("place", "rest_order_new_legacy_fields.json", OrderStatus.NEW),
        ("amend", "rest_order_modify.json", OrderStatus.NEW),
        ("cancel", "rest_order_cancel.json", OrderStatus.CANCELED),
        ("query_order", "rest_order_query.json", OrderStatus.FILLED),
        ("place_algo", "rest_algo_order_new.json", OrderStatus.NEW),
        ("query_algo", "rest_algo_order_query.json", OrderStatus.FILLED),
        ("open_orders", "rest_open_orders.json", OrderStatus.NEW),
        ("open_algo", "rest_open_algo_orders.json", OrderStatus.NEW),
    ],
)
def test_an_order_answer_is_its_state(dialect, ask, answer, golden, op, file, status):
    """Accepted, with the state the venue tells."""
    reply = dialect.read_answer(ask[op], answer(golden(file)))
    (fact,) = reply.facts
    assert reply.verdict is Verdict.OK
    assert isinstance(fact, OrderFact)
    assert status is fact.status
    assert fact.is_conditional is ("algo" in op)
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
    (fact,) = dialect.read_answer(ask["query_algo"], answer(body)).facts
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
            "cancel_algo": "DELETE /fapi/v1/algoOrder",
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
    (cancelled,) = told["cancel_algo"].facts
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
        b'"notionalCap":12345678901234567.123456789,"notionalFloor":0,'
        b'"maintMarginRatio":0.1000000000000000055511151231257827,"cum":2.0}]}]'
    )
    (fact,) = dialect.read_answer(ask["brackets"], answer(body)).facts
    (tier,) = fact.brackets
    assert tier.cap == Decimal("12345678901234567.123456789") * Decimal("1.5")
    assert tier.maintenance_rate == Decimal("0.1000000000000000055511151231257827")
    assert tier.cum == 3


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


# --- failure --------------------------------------------------------------------


def errors(golden):
    return golden("rest_errors.jsonl")


@pytest.mark.parametrize(
    ("index", "op", "verdict"),
    [
        (0, "place", Verdict.NOT_EXECUTED),
        (1, "place", Verdict.NOT_EXECUTED),
        (2, "place", Verdict.REJECTED),
        (3, "place", Verdict.REJECTED),
        (4, "place", Verdict.REJECTED),
        (5, "place", Verdict.REJECTED),
        (6, "place", Verdict.DUPLICATE),
        (7, "place", Verdict.REJECTED),
        (8, "place", Verdict.REJECTED),
        (9, "place", Verdict.REJECTED),
        (10, "place", Verdict.NOT_EXECUTED),
        (11, "cancel", Verdict.NOT_OPEN),
        (11, "amend", Verdict.NOT_OPEN),
        (12, "query_order", Verdict.NOT_FOUND),
        (12, "query_algo", Verdict.NOT_FOUND),
        (12, "cancel", Verdict.NOT_OPEN),
        (13, "place", Verdict.UNKNOWN),
        (13, "cancel", Verdict.UNKNOWN),
        (14, "place", Verdict.UNKNOWN),
        (14, "query_order", Verdict.NOT_EXECUTED),
        (15, "place", Verdict.NOT_EXECUTED),
        (16, "place", Verdict.UNKNOWN),
        (17, "place", Verdict.NOT_EXECUTED),
        (18, "place", Verdict.NOT_EXECUTED),
        (19, "place", Verdict.NOT_EXECUTED),
        (20, "place", Verdict.NOT_EXECUTED),
        (21, "place", Verdict.UNKNOWN),
        (22, "place", Verdict.UNKNOWN),
        (22, "cancel", Verdict.UNKNOWN),
        (22, "positions", Verdict.NOT_EXECUTED),
    ],
)
def test_recorded_failures(dialect, ask, answer, golden, index, op, verdict) -> None:
    """By status, code and text; UNKNOWN wherever it may have been executed."""
    row = errors(golden)[index]
    body = row["body"] if isinstance(row["body"], dict) else row["body"].encode()
    headers = row.get("headers", {})
    reply = dialect.read_answer(ask[op], answer(body, row["http"], **headers))
    assert verdict is reply.verdict
    assert reply.is_clock_error is (index in {0, 1, 10})
    assert reply.is_key_error is (index in {2, 3})
    assert (reply.throttle is not None) is (row["http"] in {418, 429})
    assert reply.is_counted is (index not in {15, 17})


def test_how_long_to_stop(dialect, ask, answer, golden) -> None:
    """As told by Retry-After or the text; the account's own limit stops the
    account, the others everything behind this address."""
    rows = errors(golden)
    limited = dialect.read_answer(
        ask["place"], answer(rows[18]["body"], 429, retry_after="7")
    ).throttle
    assert (limited.scope, limited.wait_ms) == (BucketScope.IP, 7000)
    assert not limited.is_ban
    orders = dialect.read_answer(ask["place"], answer(rows[19]["body"], 429)).throttle
    assert (orders.scope, orders.wait_ms) == (BucketScope.ACCOUNT, 10_000)
    ban = dialect.read_answer(ask["place"], answer(rows[20]["body"], 418)).throttle
    assert ban.is_ban
    assert (ban.until_ms, ban.wait_ms) == (1795341720000, None)
    both = dialect.read_answer(
        ask["place"], answer(rows[20]["body"], 418, retry_after="120")
    ).throttle
    assert (both.until_ms, both.wait_ms) == (1795341720000, 120_000)


@pytest.mark.parametrize("told", ["", "soon", "-1", "1e9", "9" * 40, "Wed, 21 Oct"])
def test_a_retry_after_that_is_no_number_falls_back(dialect, ask, answer, told) -> None:
    """One window of the limit, or the shortest ban."""
    reply = dialect.read_answer(ask["place"], answer(b"", 429, retry_after=told))
    assert reply.throttle.wait_ms == 60_000
    reply = dialect.read_answer(ask["place"], answer(b"", 418, retry_after=told))
    assert reply.throttle.wait_ms == 120_000


@pytest.mark.parametrize("op", COMMANDS)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"{}"),
        (200, b"null"),
        (200, b"[]"),
        (200, b'{"orderId":1'),
        (200, b'"ok"'),
        (200, b"<html>maintenance</html>"),
        (200, b"[" * 10_000),
        (204, b""),
        (302, b""),
        (400, b""),
        (400, b'{"code":-2010,"ms'),
        (403, b"<html>blocked</html>"),
        (408, b""),
        (500, b'{"code":-2010,"msg":"x"}'),
        (500, b""),
        (502, b"<html>"),
        (503, b'{"code":-1000,"msg":"Something else"}'),
        (503, b"<html>Service Unavailable</html>"),
        (504, b"\xff\xff"),
        (599, b"x" * 100_000),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_command_is_unknown_unless_the_venue_said_otherwise(
    dialect, ask, answer, op, status, body
) -> None:
    """No guess: a broken, foreign or gateway answer is never a refusal. A batch
    answered by an empty list is unknown in every entry."""
    reply = dialect.read_answer(ask[op], answer(body, status))
    if ask[op].context.get("count"):
        assert {item.verdict for item in reply.items} == {Verdict.UNKNOWN}
    else:
        assert reply.verdict is Verdict.UNKNOWN


def test_an_answer_about_another_order_is_unknown(dialect, ask, answer, golden) -> None:
    """A 2xx with somebody else's client id proves nothing about ours."""
    body = {**golden("rest_order_new_ack.json"), "clientOrderId": "other"}
    assert dialect.read_answer(ask["place"], answer(body)).verdict is Verdict.UNKNOWN


def test_an_error_inside_a_2xx_is_an_error(dialect, ask, answer) -> None:
    """The code decides, whatever the status line says."""
    body = {"code": -2019, "msg": "Margin is insufficient."}
    assert dialect.read_answer(ask["place"], answer(body)).verdict is Verdict.REJECTED


def test_a_list_with_a_broken_row_is_not_taken_for_complete(
    dialect, ask, answer, golden
) -> None:
    """An unreadable open order must not look like an absent one."""
    body = [*golden("rest_open_orders.json"), {"orderId": 1}]
    reply = dialect.read_answer(ask["open_orders"], answer(body))
    assert (reply.verdict, reply.facts) == (Verdict.NOT_EXECUTED, ())


@pytest.mark.parametrize(
    ("op", "code", "fact"),
    [
        (
            "set_margin_mode",
            -4046,
            SettingFact(symbol=BTC, margin_mode=MarginMode.ISOLATED),
        ),
        ("set_hedge_mode", -4059, SettingFact(is_hedge_mode=True)),
    ],
)
def test_no_need_to_change_is_success(dialect, ask, answer, op, code, fact) -> None:
    """It is so already, and told as a fact."""
    reply = dialect.read_answer(ask[op], answer({"code": code, "msg": "No need"}, 400))
    assert (reply.verdict, reply.facts) == (Verdict.UNCHANGED, (fact,))


def test_a_code_added_tomorrow_is_a_refusal(dialect, ask, answer) -> None:
    """4xx with a code did not happen."""
    reply = dialect.read_answer(ask["place"], answer({"code": -4999, "msg": "no"}, 400))
    assert reply.verdict is Verdict.REJECTED


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
    assert read("place_algo", "a1").facts[0].is_conditional
    assert read("cancel_algo", "a2").facts[0].status is OrderStatus.CANCELED


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
