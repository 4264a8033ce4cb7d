"""Golden answers into replies: outcomes per order, pages, and every class of code."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from okx_nouns import (
    BTC,
    DIALECT,
    NAME,
    answered,
    golden,
    instrument,
    intent,
    order,
    raw,
)

from connector.dialect import FillCursor, Part
from connector.dialect.facts import (
    AccountFact,
    BalanceFact,
    BracketFact,
    FillFact,
    FrameReply,
    InstrumentFact,
    KeyFact,
    LedgerFact,
    OrderFact,
    PositionFact,
    SettingFact,
)
from connector.dialect.wire import HttpAnswer, Request, Verdict
from connector.model.account import LedgerKind
from connector.model.ids import ClientOrderId
from connector.model.order import (
    OrderStatus,
    OrderType,
    Origin,
    Side,
    Terms,
    TimeInForce,
)

PLACE = golden("rest_order_place")
PLACING = DIALECT.place(intent(), NAME, instrument())
AMENDING = DIALECT.amend(order(), instrument(), Terms(qty=D("0.02"), price=D(61000)))
CANCELING = DIALECT.cancel(order(), instrument())


def ask(part: Part, op: str) -> Request:
    """The question of that kind."""
    asked = DIALECT.query(part, symbols=[BTC], since_ms=0, now_ms=1_781_805_700_000)
    return next(request for request in asked if request.op == op)


def test_a_placed_order_exists() -> None:
    """sCode 0 names the order; its fate comes by stream."""
    reply = answered(PLACING, PLACE["response"])
    (fact,) = reply.facts
    assert isinstance(fact, OrderFact)
    assert reply.verdict is Verdict.OK
    assert (fact.client_order_id, fact.venue_order_id) == (NAME, "2990011223344120386")
    assert fact.status is OrderStatus.NEW
    assert fact.venue_ns == 1_781_805_600_002 * 10**6


@pytest.mark.parametrize("row", PLACE["rejected"], ids=lambda r: r["data"][0]["sCode"])
def test_refusals_stand_in_the_row(row: dict[str, object]) -> None:
    """HTTP 200 with code 1; a duplicate is a pending order, not a refusal."""
    reply = answered(PLACING, row)
    code = reply.code
    expected = Verdict.DUPLICATE if code == "51016" else Verdict.REJECTED
    assert reply.verdict is expected


def test_an_expired_order_did_not_happen() -> None:
    """50037 in the row: may be sent again under the same id."""
    assert answered(PLACING, PLACE["expired"]).verdict is Verdict.NOT_EXECUTED


@pytest.mark.parametrize("case", PLACE["unknown"], ids=lambda c: c["body"]["code"])
def test_unknown_is_unknown(case: dict[str, object]) -> None:
    """50004 says itself that it is neither success nor failure."""
    status = case["http"]
    assert isinstance(status, int)
    reply = answered(PLACING, case["body"], status)
    assert reply.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("case", PLACE["rate_limited"], ids=["50011", "50061"])
def test_limits_name_their_buckets(case: dict[str, object]) -> None:
    """A limit of one operation stops that one, the common cap all new orders."""
    status = case["http"]
    assert isinstance(status, int)
    reply = answered(PLACING, case["body"], status)
    assert reply.verdict is Verdict.NOT_EXECUTED
    assert reply.throttle is not None
    expected = f"place:{BTC}" if reply.code == "50011" else "orders-2s"
    assert reply.throttle.buckets == (expected,)


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (502, b"<html>", Verdict.UNKNOWN),
        (403, b"<html>", Verdict.UNKNOWN),
        (302, b"", Verdict.UNKNOWN),
        (429, b"", Verdict.NOT_EXECUTED),
        (404, b"nope", Verdict.REJECTED),
        (200, b'{"code":"0","data":[{"ordId":"29', Verdict.UNKNOWN),
        (200, b'{"code":"0","data":[],"msg":""}', Verdict.UNKNOWN),
        (200, b'{"code":"0","data":[{"sCode":"0"}],"msg":""}', Verdict.UNKNOWN),
        (200, b"[]", Verdict.UNKNOWN),
    ],
)
def test_gateways_prove_nothing(status: int, body: bytes, verdict: Verdict) -> None:
    """A page without a code, a cut answer, an answer without an order."""
    answer = HttpAnswer(status=status, headers={}, body=body)
    assert DIALECT.read_answer(PLACING, answer).verdict is verdict


def test_an_answer_about_another_order_proves_nothing() -> None:
    """The client id is compared."""
    other = DIALECT.place(intent(), ClientOrderId("other"), instrument())
    assert answered(other, PLACE["response"]).verdict is Verdict.UNKNOWN


def test_amends_and_cancels_are_only_received() -> None:
    """sCode 0 there: request accepted; the stream tells the outcome."""
    told = golden("rest_order_amend_cancel")
    assert answered(AMENDING, told["amend"]["response"]).verdict is Verdict.PROCESSING
    assert answered(CANCELING, told["cancel"]["response"]).verdict is Verdict.OK
    late = answered(CANCELING, told["cancel_too_late"])
    assert (late.verdict, late.code) == (Verdict.NOT_OPEN, "51400")


def test_batches_have_mixed_outcomes() -> None:
    """One reply per order, in request order; a missing row is unknown."""
    told = golden("rest_order_batch")
    names = [ClientOrderId(f"gold000{n}") for n in (2, 3)]
    request = DIALECT.place_batch([(intent(), n, instrument()) for n in names])
    reply = answered(request, told["place_partial"]["response"])
    assert [item.verdict for item in reply.items] == [Verdict.OK, Verdict.REJECTED]
    (fact,) = reply.facts
    assert isinstance(fact, OrderFact)
    assert (fact.symbol, fact.client_order_id) == (BTC, "gold0002")
    short = {**told["place_partial"]["response"]}
    short["data"] = short["data"][:1]
    items = answered(request, short).items
    assert [item.verdict for item in items] == [Verdict.OK, Verdict.UNKNOWN]
    whole = answered(request, {"code": "50001", "msg": "", "data": []}, 503)
    assert [item.verdict for item in whole.items] == [Verdict.UNKNOWN] * 2
    canceling = DIALECT.cancel_batch([order(), order()], instrument())
    items = answered(canceling, told["cancel"]["response"]).items
    assert [item.verdict for item in items] == [Verdict.OK, Verdict.NOT_OPEN]


def test_frames_are_read_alike() -> None:
    """Answers of order entry: refusals per row, format errors, gateway failures."""
    frames = [row["msg"] for row in golden("ws_order_entry")["frames"]]
    told = {f["id"]: f for f in frames if "code" in f}
    verdicts = {}
    for name in ("r1", "r4", "r5", "r6"):
        (fact,) = DIALECT.read_frame(raw(told[name]))
        assert isinstance(fact, FrameReply)
        verdicts[name] = DIALECT.read_frame_reply(PLACING, fact.raw).verdict
    assert verdicts == {
        "r1": Verdict.OK,
        "r4": Verdict.REJECTED,
        "r5": Verdict.REJECTED,
        "r6": Verdict.UNKNOWN,
    }


# --- questions ---


def test_orders_pending() -> None:
    """Contracts stay contracts here; lifetimes come out of the type."""
    told = golden("rest_orders")
    (fact,) = answered(
        ask(Part.OPEN_ORDERS, "open_orders"), told["pending"]["response"]
    ).facts
    assert isinstance(fact, OrderFact)
    assert (fact.qty, fact.filled_qty, fact.avg_price) == (D(2), D("0.8"), D(61000))
    assert (fact.status, fact.order_type, fact.time_in_force) == (
        OrderStatus.PARTIALLY_FILLED,
        OrderType.LIMIT,
        TimeInForce.GTC,
    )
    (question,) = DIALECT.query_order(order())
    assert answered(question, told["details"]["not_found"]).verdict is Verdict.NOT_FOUND
    empty = {"code": "0", "msg": "", "data": []}
    assert answered(question, empty).verdict is Verdict.NOT_FOUND


def test_endings_say_why() -> None:
    """cancelSource: by the user, or an end of its own lifetime."""
    told = golden("rest_orders")["history"]["response"]
    (question,) = DIALECT.query_order(order())
    ends = []
    for row in told["data"]:
        (fact,) = answered(question, {"code": "0", "msg": "", "data": [row]}).facts
        assert isinstance(fact, OrderFact)
        ends.append((fact.status, fact.reason))
    assert ends == [
        (OrderStatus.CANCELED, ""),
        (OrderStatus.EXPIRED, "post-only would take"),
    ]


def test_what_the_system_ends_no_user_cancelled() -> None:
    """cancelSource 0 (the rest of a market order that finds nobody): a cancel that was
    under way did not do it."""
    row = golden("rest_orders")["history"]["response"]["data"][0]
    told = {"code": "0", "msg": "", "data": [{**row, "cancelSource": "0"}]}
    (question,) = DIALECT.query_order(order())
    (fact,) = answered(question, told).facts
    assert isinstance(fact, OrderFact)
    assert (fact.status, fact.reason) == (
        OrderStatus.EXPIRED,
        "cancelled by the system",
    )


def test_conditional_orders() -> None:
    """The algo store: kinds by trigger, market by a price of -1."""
    told = golden("rest_algo")
    stop = intent(order_type=OrderType.STOP_MARKET, price=None, trigger_price=D(60000))
    placing = DIALECT.place(stop, ClientOrderId("gold0020"), instrument())
    (fact,) = answered(placing, told["placed"]).facts
    assert isinstance(fact, OrderFact)
    assert (fact.is_conditional, fact.venue_order_id) == (True, "1812345678901234567")
    waiting = order(
        order_type=OrderType.STOP_MARKET,
        venue_order_id=None,
        client_order_id=ClientOrderId("gold0020"),
    )
    (question,) = DIALECT.query_order(waiting)
    assert question.params == (("algoClOrdId", "gold0020"),)
    (fact,) = answered(question, told["live"]).facts
    assert isinstance(fact, OrderFact)
    assert (fact.order_type, fact.trigger_price, fact.price, fact.reduce_only) == (
        OrderType.STOP_MARKET,
        D(60000),
        None,
        True,
    )
    assert answered(question, told["not_found"]).verdict is Verdict.NOT_FOUND


def test_attached_orders_name_their_owner() -> None:
    """By the end of their name; ours alone never has that end."""
    told = golden("rest_algo")["live"]
    (question,) = DIALECT.query_order(order(order_type=OrderType.STOP_MARKET))
    told["data"][0]["algoClOrdId"] = "gold0020X"
    (fact,) = answered(question, told).facts
    assert isinstance(fact, OrderFact)
    assert (fact.client_order_id, fact.attached_to) == ("gold0020X", "gold0020")
    told["data"][0]["algoClOrdId"] = "gold0020"
    (fact,) = answered(question, told).facts
    assert isinstance(fact, OrderFact)
    assert fact.attached_to is None


def test_fills() -> None:
    """Fees turn their sign, forced executions are known by number and kind of bill."""
    cursor = FillCursor(symbol=BTC, trade_id=None, venue_ms=0, since_ms=1)
    (question,) = DIALECT.query_fills(cursor, now_ms=1000)
    forced, own = answered(question, golden("rest_fills")["response"]).facts
    assert isinstance(forced, FillFact)
    assert isinstance(own, FillFact)
    assert (forced.trade_id[0], forced.origin) == ("-", Origin.LIQUIDATION)
    assert (own.trade_id, own.fee, own.fee_asset) == ("1620005531", D("0.152"), "USDT")
    assert (own.qty, own.side, own.is_maker) == (D("0.8"), Side.BUY, True)


def test_positions_and_balances() -> None:
    """Futures mode tells currencies, multi-currency mode totals; both are kept."""
    (position,) = answered(
        ask(Part.POSITIONS, "positions"), golden("rest_positions")["response"]
    ).facts
    assert isinstance(position, PositionFact)
    assert (position.qty, position.entry_price, position.leverage) == (
        D("0.8"),
        D(61000),
        10,
    )
    told = golden("rest_balance")
    single, multi = (
        answered(ask(Part.BALANCES, "balance"), told[name]["response"]).facts
        for name in ("futures_mode_acctLv_2", "multi_currency_acctLv_3")
    )
    balance, account = single
    assert isinstance(balance, BalanceFact)
    assert isinstance(account, AccountFact)
    assert (balance.asset, balance.wallet) == ("USDT", D("9999.848"))
    assert account.fields["USDT.imr"] == "190.008"
    assert account.fields["imr"] == ""
    assert isinstance(multi[1], AccountFact)
    assert multi[1].fields["imr"] == "189.97"


def test_bills() -> None:
    """A trade is profit and fee, everything else one entry; they add up."""
    told = golden("rest_bills")["response"]
    facts = answered(ask(Part.LEDGER, "bills"), told).facts
    entries = [
        (f.kind, f.amount, f.entry_id[-1]) for f in facts if isinstance(f, LedgerFact)
    ]
    assert entries == [
        (LedgerKind.FUNDING, D("-0.076"), "3"),
        (LedgerKind.REALIZED_PNL, D("12.000"), "2"),
        (LedgerKind.FEE, D("-0.153"), "2"),
        (LedgerKind.TRANSFER, D(-12), "1"),
    ]
    changes = sum(D(row["balChg"]) for row in told["data"])
    assert sum(amount for _, amount, _ in entries) == changes


def test_instruments() -> None:
    """A contract's worth in coins, its number for frames, rules in coins."""
    (fact,) = answered(
        ask(Part.INSTRUMENTS, "instruments"), golden("rest_instruments")["response"]
    ).facts
    assert isinstance(fact, InstrumentFact)
    one = fact.instrument
    assert (one.qty_unit, one.qty_step, one.min_qty) == (
        D("0.01"),
        D("0.0001"),
        D("0.0001"),
    )
    assert (one.wire_code, one.base, one.quote, one.settle) == (
        "10459",
        "BTC",
        "USDT",
        "USDT",
    )
    assert one.is_trading


def test_tiers_leverage_and_settings() -> None:
    """Tiers count contracts; the configuration tells mode and permissions."""
    (tiers,) = answered(
        ask(Part.TIERS, "tiers"), golden("rest_position_tiers")["response"]
    ).facts
    assert isinstance(tiers, BracketFact)
    assert [(b.cap, b.maintenance_rate) for b in tiers.brackets] == [
        (D(1000), D("0.004")),
        (D(5000), D("0.005")),
    ]
    misc = golden("rest_account_misc")
    (lever,) = answered(ask(Part.TIERS, "leverage"), misc["leverage"]["response"]).facts
    assert lever == SettingFact(symbol=BTC, leverage=10)
    (mode,) = answered(
        DIALECT.set_hedge_mode(is_hedge=False), misc["set_position_mode"]["response"]
    ).facts
    assert mode == SettingFact(is_hedge_mode=False)
    config = golden("rest_account_config")["response"]
    (settings,) = answered(ask(Part.SETTINGS, "settings"), config).facts
    assert settings == SettingFact(
        is_hedge_mode=False, is_multi_asset=True, can_trade=True
    )
    (key,) = answered(ask(Part.KEY_INFO, "key_info"), config).facts
    assert key == KeyFact(can_trade=True, can_withdraw=False, is_ip_bound=True)


def test_pages_follow_the_last_row() -> None:
    """A full page is followed by what is older; retention chooses the endpoint."""
    cursor = FillCursor(symbol=BTC, trade_id=None, venue_ms=0, since_ms=10**12)
    (old,) = DIALECT.query_fills(cursor, now_ms=10**12 + 5 * 86_400_000)
    assert old.path == "/api/v5/trade/fills-history"
    row = golden("rest_fills")["response"]["data"][1]
    page = {"code": "0", "msg": "", "data": [row] * 100}
    following = answered(old, page).next_request
    assert following is not None
    assert following.params[-1] == ("after", row["billId"])
    again = answered(following, page).next_request
    assert again is not None
    assert [name for name, _ in again.params].count("after") == 1


def test_an_account_without_a_row_is_no_answer() -> None:
    """An empty list is not an empty account: wallets that a complete answer leaves
    out count as empty, so this one is asked again."""
    empty = {"code": "0", "msg": "", "data": []}
    reply = answered(ask(Part.BALANCES, "balance"), empty)
    assert reply.verdict is Verdict.NOT_EXECUTED
    assert reply.facts == ()
