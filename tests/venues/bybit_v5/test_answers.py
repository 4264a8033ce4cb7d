"""Tests of answers, classify and limits: what an answer says about what was asked."""

from __future__ import annotations

import json
from decimal import Decimal as D
from typing import Any

import pytest
from bybit_nouns import BTC, rules
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.dialect import Dialect, FillCursor, Part
from connector.dialect.facts import (
    BalanceFact,
    BracketFact,
    FillFact,
    InstrumentFact,
    KeyFact,
    LedgerFact,
    OrderFact,
    PositionFact,
    RiskFact,
    SettingFact,
    UnknownFact,
)
from connector.dialect.wire import HttpAnswer, Reply, Request, Verdict
from connector.model.account import LedgerKind, MarginMode
from connector.model.ids import ClientOrderId, VenueOrderId
from connector.model.limits import BucketScope
from connector.model.order import (
    Order,
    OrderIntent,
    OrderStatus,
    OrderType,
    Side,
    Terms,
)
from connector.venues.bybit_v5.classify import CODES
from connector.venues.registry import dialect_for

DIALECT = dialect_for("bybit-v5")
AT_MS = 1_795_605_600_000
RULES = rules()
INTENT = OrderIntent(
    symbol=BTC,
    side=Side.BUY,
    order_type=OrderType.LIMIT,
    qty=D("0.030"),
    price=D(61250),
)
ORDER = Order(
    client_order_id=ClientOrderId("cq4t81m20001"),
    venue_order_id=VenueOrderId("5d20c9f4"),
    symbol=BTC,
    side=Side.BUY,
    order_type=OrderType.LIMIT,
    status=OrderStatus.NEW,
    qty=D("0.030"),
    price=D(61250),
)
PLACE = DIALECT.place(INTENT, ClientOrderId("cq4t81m20001"), RULES)
CANCEL = DIALECT.cancel(ORDER)
AMEND = DIALECT.amend(ORDER, RULES, Terms(qty=D("0.02"), price=D(61250)))
LEVERAGE = DIALECT.set_leverage(BTC, 10)
REALTIME, HISTORY = DIALECT.query_order(ORDER)
BATCH = DIALECT.place_batch(
    [(INTENT, ClientOrderId(f"cq4t81m2000{n}"), RULES) for n in (2, 3)]
)


def asked(part: Part, number: int = 0) -> Request:
    """One call of a part of a snapshot."""
    calls = DIALECT.query(part, symbols=[BTC], since_ms=AT_MS - 1000, now_ms=AT_MS)
    return calls[number]


def read(
    request: Request,
    body: Any,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Reply:
    """What the dialect makes of an answer."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = HttpAnswer(status=status, headers=headers or {}, body=raw)
    return DIALECT.read_answer(request, answer)


def error(code: int, text: str = "no") -> dict[str, Any]:
    """A refusal."""
    return {"retCode": code, "retMsg": text, "result": {}, "time": AT_MS}


# --- commands ---


def test_code_0_is_not_an_order(answers: dict[str, Any]) -> None:
    """Accepted for processing: the stream alone tells the fate, and no fact claims
    an order."""
    for request, name in ((PLACE, "create"), (AMEND, "amend"), (CANCEL, "cancel")):
        reply = read(request, answers[f"order_{name}"])
        assert (reply.verdict, reply.facts) == (Verdict.PROCESSING, ())


def test_an_answer_about_another_order_proves_nothing(answers: dict[str, Any]) -> None:
    """Something in between mixed up requests."""
    answers["order_create"]["result"]["orderLinkId"] = "somebody-elses"
    assert read(PLACE, answers["order_create"]).verdict is Verdict.UNKNOWN


def test_a_batch_has_one_outcome_each(answers: dict[str, Any]) -> None:
    """Entries are aligned by index; one that is missing is unknown."""
    reply = read(BATCH, answers["batch_create"])
    verdicts = [item.verdict for item in reply.items]
    assert verdicts == [Verdict.PROCESSING, Verdict.REJECTED]
    assert reply.items[1].code == "10001"
    answers["batch_create"]["retExtInfo"]["list"].pop()
    items = read(BATCH, answers["batch_create"]).items
    assert [item.verdict for item in items] == [Verdict.PROCESSING, Verdict.UNKNOWN]


def test_a_batch_refused_as_a_whole_is_refused_for_each() -> None:
    """No entry is left without an outcome."""
    items = read(BATCH, error(10006)).items
    assert [item.verdict for item in items] == [Verdict.NOT_EXECUTED] * 2


def test_the_same_over_order_entry(frames: dict[str, Any]) -> None:
    """The frame's data is the result of REST; its header tells the limits."""
    created = json.dumps(frames["trade_created"]).encode()
    reply = DIALECT.read_frame_reply(PLACE, created)
    assert reply.verdict is Verdict.PROCESSING
    assert reply.used == (("place-1s", 1),)
    assert [spec.limit for spec in reply.limits] == [10]
    refused = json.dumps(frames["trade_refused"]).encode()
    assert DIALECT.read_frame_reply(PLACE, refused).verdict is Verdict.REJECTED
    batch = json.dumps(frames["trade_batch"]).encode()
    assert len(DIALECT.read_frame_reply(BATCH, batch).items) == 2


# --- codes ---

UNKNOWN = (429, 10000, 10014, 10016, 10429, 20006)
REFUSED = (10001, 10004, 10005, 110003, 110007, 110017, 110040, 110094, 110999)


@pytest.mark.parametrize(
    ("request_", "codes", "verdict"),
    [
        (PLACE, REFUSED, Verdict.REJECTED),
        (PLACE, UNKNOWN, Verdict.UNKNOWN),
        (PLACE, (77_777,), Verdict.UNKNOWN),
        (PLACE, (10002, 10006, 10019, 10403, 20003), Verdict.NOT_EXECUTED),
        (PLACE, (110072, 170141), Verdict.DUPLICATE),
        (PLACE, (110001,), Verdict.UNKNOWN),
        (CANCEL, (110001, 110008, 110010, 170213), Verdict.NOT_OPEN),
        (AMEND, (110001,), Verdict.NOT_OPEN),
        (AMEND, (110064, 10001), Verdict.REJECTED),
        (CANCEL, (40004, 110022, 110079), Verdict.NOT_EXECUTED),
        (LEVERAGE, (110043, 110025, 110026, 34040), Verdict.UNCHANGED),
        (LEVERAGE, (10016,), Verdict.UNKNOWN),
        (REALTIME, (110001,), Verdict.NOT_FOUND),
        (REALTIME, UNKNOWN, Verdict.NOT_EXECUTED),
        (REALTIME, (10005,), Verdict.REJECTED),
    ],
)
def test_what_codes_mean(
    request_: Request, codes: tuple[int, ...], verdict: Verdict
) -> None:
    """A refusal, no execution, or doubt: by what was asked, and never a guess."""
    assert {read(request_, error(code)).verdict for code in codes} == {verdict}


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (400, b"", Verdict.REJECTED),
        (401, b"", Verdict.REJECTED),
        (404, b"404 page not found", Verdict.REJECTED),
        (403, b"403, access too frequent", Verdict.NOT_EXECUTED),
        (403, b"<html>blocked</html>", Verdict.UNKNOWN),
        (408, b"", Verdict.UNKNOWN),
        (429, b"", Verdict.UNKNOWN),
        (502, b"<html></html>", Verdict.UNKNOWN),
        (503, b'{"retCode":10001,"retMsg":"x"}', Verdict.UNKNOWN),
        (200, b'{"retCode":0,"retMsg":"OK","res', Verdict.UNKNOWN),
        (200, b"[]", Verdict.UNKNOWN),
        (302, b"", Verdict.UNKNOWN),
    ],
)
def test_gateways_prove_nothing(status: int, body: bytes, verdict: Verdict) -> None:
    """A page, a 5xx or half an answer to a command is doubt, unless it says that the
    address was too frequent."""
    assert read(PLACE, body, status).verdict is verdict


def test_throttles() -> None:
    """An operation waits alone until the told time; the system's protection stops
    the address, the gate for ten minutes."""
    headers = {"x-bapi-limit-reset-timestamp": str(AT_MS + 400)}
    limited = read(PLACE, error(10006), headers=headers).throttle
    assert limited is not None
    assert (limited.buckets, limited.until_ms) == (("place-1s",), AT_MS + 400)
    unsaid = read(PLACE, error(10006)).throttle
    assert unsaid is not None
    assert unsaid.wait_ms == 1000
    gate = read(PLACE, b"403, access too frequent", 403).throttle
    assert gate is not None
    assert (gate.scope, gate.is_ban, gate.wait_ms) == (BucketScope.IP, True, 600_000)
    system = read(PLACE, error(10429)).throttle
    assert system is not None
    assert system.scope is BucketScope.IP


def test_clock_and_key_errors() -> None:
    """They are told as such; too many sessions are no wrong key."""
    assert read(PLACE, error(10002)).is_clock_error
    assert read(PLACE, error(10004)).is_key_error
    assert not read(PLACE, error(10003, "too many sessions")).is_key_error


def test_liquidation_under_way_is_a_risk() -> None:
    """Two codes say that the account is being liquidated."""
    (fact,) = read(PLACE, error(110035)).facts
    assert isinstance(fact, RiskFact)


def test_limits_are_learnt_from_answers() -> None:
    """A higher tier shows in the headers, with what is left of it."""
    headers = {"x-bapi-limit": "60", "x-bapi-limit-status": "57"}
    reply = read(PLACE, error(110007), headers=headers)
    assert reply.used == (("place-1s", 3),)
    (spec,) = reply.limits
    assert (spec.id, spec.limit, spec.scope) == ("place-1s", 60, BucketScope.ACCOUNT)
    for bad in (
        {"x-bapi-limit": "x"},
        {"x-bapi-limit": "5", "x-bapi-limit-status": "9"},
    ):
        assert read(PLACE, error(110007), headers=bad).limits == ()


def test_no_code_has_two_meanings() -> None:
    """The table of groups is a function."""
    from connector.venues.bybit_v5 import classify

    assert len(CODES) == sum(map(len, classify._GROUPS.values()))


# --- questions ---


def test_orders_and_pages(answers: dict[str, Any]) -> None:
    """The cursor goes back as it came; an empty page with one ends the pages."""
    request = asked(Part.OPEN_ORDERS)
    reply = read(request, answers["order_realtime"])
    (order,) = reply.facts
    assert isinstance(order, OrderFact)
    assert order.status is OrderStatus.PARTIALLY_FILLED
    cursor = answers["order_realtime"]["result"]["nextPageCursor"]
    assert reply.next_request is not None
    assert dict(reply.next_request.params)["cursor"] == cursor
    answers["order_realtime"]["result"]["list"] = []
    assert read(request, answers["order_realtime"]).next_request is None


def test_an_order_that_is_nowhere(answers: dict[str, Any]) -> None:
    """Both stores say so by an empty list."""
    answers["order_realtime"]["result"]["list"] = []
    for request in (REALTIME, HISTORY):
        verdict = read(request, answers["order_realtime"]).verdict
        assert verdict is Verdict.NOT_FOUND


def test_one_unreadable_row_refuses_the_list(answers: dict[str, Any]) -> None:
    """A missing row would be taken for "is not open"."""
    answers["order_realtime"]["result"]["list"][0]["side"] = "?"
    reply = read(asked(Part.OPEN_ORDERS), answers["order_realtime"])
    assert (reply.verdict, reply.facts) == (Verdict.NOT_EXECUTED, ())


def test_fills_come_window_by_window(answers: dict[str, Any]) -> None:
    """Seven days at a time, oldest window first, up to a minute ahead of now."""
    days = 86_400_000
    cursor = FillCursor(
        symbol=BTC, trade_id=None, venue_ms=0, since_ms=AT_MS - 10 * days
    )
    (first,) = DIALECT.query_fills(cursor, now_ms=AT_MS)
    answers["execution_list"]["result"]["nextPageCursor"] = ""
    reply = read(first, answers["execution_list"])
    (fill,) = reply.facts
    assert isinstance(fill, FillFact)
    second = reply.next_request
    assert second is not None
    spans = [dict(request.params) for request in (first, second)]
    assert int(spans[1]["startTime"]) == int(spans[0]["endTime"]) + 1
    assert int(spans[0]["endTime"]) - int(spans[0]["startTime"]) < 7 * days
    assert int(spans[1]["endTime"]) == AT_MS + 60_000
    assert read(second, answers["execution_list"]).next_request is None


def test_funding_among_executions_is_left_to_the_ledger(
    answers: dict[str, Any],
) -> None:
    """It is no fill; an execution of a new kind is told once and is no new gap."""
    row = answers["execution_list"]["result"]["list"][0]
    strange = {**row, "execType": "CorporateAction", "execId": "x"}
    answers["execution_list"]["result"]["list"] += [
        {**row, "execType": "Funding"},
        strange,
    ]
    (first,) = DIALECT.query_fills(
        FillCursor(symbol=BTC, trade_id=None, venue_ms=0, since_ms=AT_MS), now_ms=AT_MS
    )
    fill, unknown = read(first, answers["execution_list"]).facts
    assert isinstance(fill, FillFact)
    assert isinstance(unknown, UnknownFact)
    assert not unknown.is_gap


def test_positions_and_settings(answers: dict[str, Any]) -> None:
    """By coin only what is held; by symbol leverage and mode of flat ones too."""
    (held,) = read(asked(Part.POSITIONS), answers["position_list"]).facts
    assert isinstance(held, PositionFact)
    assert (held.qty, held.entry_price) == (D("0.008"), D(61250))
    answers["position_flat"]["result"]["list"][0]["symbol"] = "BTCUSDT"
    told = read(asked(Part.SETTINGS, 1), answers["position_flat"]).facts
    assert told == (
        SettingFact(symbol=BTC, leverage=10),
        SettingFact(is_hedge_mode=False),
    )
    (mode,) = read(asked(Part.SETTINGS), answers["account_info"]).facts
    assert mode == SettingFact(margin_mode=MarginMode.CROSS, is_multi_asset=False)


def test_settings_tell_what_they_set(answers: dict[str, Any]) -> None:
    """Unchanged is success with the same facts."""
    for name in ("account_set_leverage", "leverage_unchanged"):
        (fact,) = read(LEVERAGE, answers[name]).facts
        assert fact == SettingFact(symbol=BTC, leverage=10)
    hedge = DIALECT.set_hedge_mode(is_hedge=True)
    (fact,) = read(hedge, answers["account_switch_mode"]).facts
    assert fact == SettingFact(is_hedge_mode=True)
    isolated = DIALECT.set_margin_mode(None, MarginMode.ISOLATED)
    assert read(isolated, answers["margin_mode_failed"]).verdict is Verdict.REJECTED


def test_wallet_is_as_of_the_answer(answers: dict[str, Any]) -> None:
    """Its rows have no time of their own."""
    balance, _ = read(asked(Part.BALANCES), answers["wallet_balance"]).facts
    assert isinstance(balance, BalanceFact)
    assert balance.is_as_of


def test_the_ledger_is_told_in_parts() -> None:
    """change = cashFlow + funding - fee; what does not add up is named."""
    row = {
        "id": "7",
        "symbol": "BTCUSDT",
        "type": "TRADE",
        "transactionTime": str(AT_MS),
        "currency": "USDT",
        "cashFlow": "5",
        "funding": "",
        "fee": "0.25",
        "change": "4.5",
        "tradeId": "t1",
    }
    body = {"retCode": 0, "result": {"list": [row], "nextPageCursor": ""}, "time": 1}
    facts = read(asked(Part.LEDGER), body).facts
    parts = [(f.kind, f.amount) for f in facts if isinstance(f, LedgerFact)]
    assert parts == [
        (LedgerKind.REALIZED_PNL, D(5)),
        (LedgerKind.FEE, D("-0.25")),
        (LedgerKind.UNEXPLAINED, D("-0.25")),
    ]


def test_instruments_tiers_and_key(answers: dict[str, Any]) -> None:
    """Rules with the price band, tiers with their deduction, what the key may do."""
    (fact,) = read(asked(Part.INSTRUMENTS), answers["instruments_info"]).facts
    assert isinstance(fact, InstrumentFact)
    rules = fact.instrument
    assert (rules.tick_size, rules.min_notional) == (D("0.10"), D(5))
    assert (rules.percent_up, rules.percent_down) == (D("1.02"), D("0.98"))
    (tiers,) = read(asked(Part.INSTRUMENTS, 1), answers["risk_limit"]).facts
    assert isinstance(tiers, BracketFact)
    assert [(b.cap, b.cum) for b in tiers.brackets] == [
        (D(2000000), D(0)),
        (D(2600000), D(1200)),
    ]
    (key,) = read(asked(Part.KEY_INFO), answers["user_query_api"]).facts
    assert key == KeyFact(can_trade=True, can_withdraw=False, is_ip_bound=True)


def test_one_bad_instrument_spoils_no_other(answers: dict[str, Any]) -> None:
    """It is told, and the rest can be traded."""
    rows = answers["instruments_info"]["result"]["list"]
    rows.append({**rows[0], "lotSizeFilter": {}})
    good, bad = read(asked(Part.INSTRUMENTS), answers["instruments_info"]).facts
    assert isinstance(good, InstrumentFact)
    assert isinstance(bad, UnknownFact)


def test_server_time(answers: dict[str, Any]) -> None:
    """From the nanoseconds."""
    reply = read(DIALECT.server_time(), answers["market_time"])
    assert reply.server_ms == 1_795_605_600_123


# A machine with other work draws such trees slowly, which says nothing about us.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.sampled_from([PLACE, CANCEL, BATCH, REALTIME, asked(Part.LEDGER), LEVERAGE]),
    st.integers(100, 599),
    st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=4),
            lambda x: (
                st.lists(x, max_size=2)
                | st.dictionaries(
                    st.sampled_from(
                        ("retCode", "result", "list", "time", "header", "code")
                    ),
                    x,
                    max_size=4,
                )
            ),
        ).map(lambda value: json.dumps(value).encode()),
    ),
)
def test_no_answer_raises(request_: Request, status: int, raw: bytes) -> None:
    """Whatever comes back, there is a reply, and nonsense is never a success."""
    reply = read(request_, raw, status)
    assert isinstance(reply, Reply)
    if request_ in (PLACE, BATCH):
        assert reply.verdict is not Verdict.OK


def test_the_dead_man_switch_is_refused_clearly(dialect: Dialect) -> None:
    """Not for everybody: nothing is sent, and the reason is told."""
    from connector.errors import Unsupported

    assert dialect.facts.dead_man is None
    with pytest.raises(Unsupported, match="institutional clients only"):
        dialect.dead_man(None, 10_000)
