"""Answers into replies: one reader per kind of request.

Every answer, by REST or as a frame, is ``{code, msg, data}``. Orders have an
outcome per row (``sCode``) and the envelope only sums them up; everything else is
judged by ``code``. A good answer that is not what was asked for proves nothing:
UNKNOWN for a command. A list with one unreadable row is refused as a whole where a
missing row would be taken for "is not there"; instruments are read one by one.
"""

from __future__ import annotations

from collections.abc import Sequence

from connector.dialect.facts import Fact, KeyFact, SettingFact
from connector.dialect.wire import HttpAnswer, Reply, Request, Verdict
from connector.model.ids import ClientOrderId, Symbol
from connector.venues import replies
from connector.venues.base import setting_facts
from connector.venues.json_rows import Row
from connector.venues.okx_v5 import questions, rows, words
from connector.venues.okx_v5.classify import FROZEN, classify
from connector.venues.okx_v5.requests import ORDER_CALLS
from connector.venues.pages import Listing
from connector.venues.verdicts import is_placing, unreadable


def read_answer(request: Request, answer: HttpAnswer) -> Reply:
    """Classify and translate an HTTP answer; never raises."""
    return _read(request, answer.status, answer.body)


def read_frame_reply(request: Request, raw: bytes) -> Reply:
    """The same for an answer of order entry, which has no status."""
    return _read(request, 200, raw)


def _read(request: Request, status: int, raw: bytes) -> Reply:
    try:
        body = Row.of_bytes(raw)
        code, text = body.integer("code"), body.text("msg", "")
        data = body.items("data") if body.has("data") else []
    except replies.BROKEN:
        if 200 <= status < 300:
            return replies.whole(request, unreadable(request, replies.excerpt(raw)))
        reply = classify(request, status=status, code=None, text=replies.excerpt(raw))
        return replies.whole(request, reply)
    try:
        if request.op in ORDER_CALLS and data:
            return _orders_done(request, [Row(item) for item in data])
        if code == 0:
            return _understand(request, data)
    except replies.BROKEN:
        return replies.whole(
            request, unreadable(request, "rows that are not what was asked")
        )
    return replies.whole(request, _failure(request, status, code, text))


def _failure(request: Request, status: int, code: int, text: str) -> Reply:
    reply = classify(request, status=status, code=code, text=text)
    if code not in FROZEN:
        return reply
    return replies.at_risk(request, reply, f"account frozen: {code} {text}")


# --- orders -----------------------------------------------------------------------


def _orders_done(request: Request, outcomes: Sequence[Row]) -> Reply:
    """One reply, or one per entry of a batch in request order."""
    if "ids" not in request.context:
        (outcome,) = outcomes
        return _order_done(request, outcome, request.client_order_id, request.symbol)

    def read(index: int, name: str) -> Reply:
        symbol = Symbol(request.context["symbols"].split()[index])
        return _order_done(request, outcomes[index], ClientOrderId(name), symbol)

    return replies.of_batch(replies.entries(request, len(outcomes), read))


def _order_done(
    request: Request, outcome: Row, name: ClientOrderId | None, symbol: Symbol | None
) -> Reply:
    """A placed order exists; a cancel or an amend was only taken note of."""
    is_algo = request.op.endswith("_conditional")
    told = outcome.text("algoClOrdId" if is_algo else "clOrdId", "")
    if is_placing(request.op) and told and told != name:
        return unreadable(request, "the entry speaks of another order")
    if code := outcome.integer("sCode", 0):
        return _failure(request, 200, code, outcome.text("sMsg", ""))
    if not is_placing(request.op):
        is_amend = request.op.startswith("amend")
        return Reply(verdict=Verdict.PROCESSING if is_amend else Verdict.OK)
    assert symbol is not None, "orders are of instruments"
    venue_id, venue_ns = (
        outcome.name("algoId" if is_algo else "ordId"),
        outcome.nanos("ts", 0),
    )
    return replies.placed(symbol, name, venue_id, venue_ns, is_conditional=is_algo)


# --- questions --------------------------------------------------------------------


def _understand(request: Request, data: Sequence[object]) -> Reply:
    match request.op:
        case "server_time":
            (item,) = data
            return Reply(verdict=Verdict.OK, server_ms=Row(item).millis("ts"))
        case "tiers":
            assert request.symbol is not None
            tiers = map(Row, data)
            return (
                replies.ok(rows.bracket_fact(request.symbol, tiers))
                if data
                else replies.ok()
            )
        case "instruments":
            return replies.ok(*replies.one_by_one(data, _instrument, "instrument"))
        case "set_leverage" | "set_hedge_mode" | "dead_man":
            return replies.ok(*setting_facts(request))
        case op:
            return _LISTINGS[op].read(request, data, questions.next_page)


def _instrument(item: object) -> Fact:
    return rows.instrument_fact(Row(item))


def _settings(row: Row) -> list[Fact]:
    level = row.text("acctLv")
    setting = SettingFact(
        is_hedge_mode=row.text("posMode") == "long_short_mode",
        is_multi_asset=level in words.MULTI_CURRENCY_LEVELS,
        can_trade=level != words.SPOT_LEVEL,
    )
    return [setting]


def _key_info(row: Row) -> list[Fact]:
    may = row.text("perm", "").split(",")
    key = KeyFact(
        can_trade="trade" in may,
        can_withdraw="withdraw" in may,
        is_ip_bound=bool(row.text("ip", "")),
    )
    return [key]


_LISTINGS = {
    # Several orders may have had one client id: the newest is told.
    "query_order": Listing(rows.order_facts, is_newest=True),
    "query_conditional": Listing(rows.algo_facts, is_newest=True),
    "open_orders": Listing(rows.order_facts, "ordId", rows.is_ours),
    "open_conditionals": Listing(rows.algo_facts, "algoId", rows.is_ours),
    "fills": Listing(lambda row: [rows.fill_fact(row)], "billId"),
    "positions": Listing(lambda row: [rows.position_fact(row)], keeps=rows.is_ours),
    "balance": Listing(rows.account_facts, is_single=True),
    "bills": Listing(rows.bill_facts, "billId"),
    "leverage": Listing(lambda row: [rows.leverage_setting(row)]),
    "settings": Listing(_settings, is_single=True),
    "key_info": Listing(_key_info, is_single=True),
    "marks": Listing(lambda row: [rows.mark_fact(row)]),
}
