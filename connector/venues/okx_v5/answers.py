"""Answers into replies: one reader per kind of request.

Every answer, by REST or as a frame, is ``{code, msg, data}``. Orders have an
outcome per row (``sCode``) and the envelope only sums them up; everything else is
judged by ``code``. A good answer that is not what was asked for proves nothing:
UNKNOWN for a command. A list with one unreadable row is refused as a whole where a
missing row would be taken for "is not there"; instruments are read one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from connector.dialect.facts import Fact, KeyFact, OrderFact, RiskFact, SettingFact
from connector.dialect.wire import HttpAnswer, Reply, Request, Verdict
from connector.model.ids import ClientOrderId, Symbol, VenueOrderId
from connector.model.noun import replace
from connector.model.order import OrderStatus
from connector.venues.base import setting_facts
from connector.venues.json_rows import Row
from connector.venues.okx_v5 import questions, rows, words
from connector.venues.okx_v5.classify import FROZEN, classify
from connector.venues.okx_v5.requests import ORDER_CALLS
from connector.venues.replies import BROKEN, entries, excerpt, ok, one_by_one, whole
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
    except BROKEN:
        if 200 <= status < 300:
            return whole(request, unreadable(request, excerpt(raw)))
        reply = classify(request, status=status, code=None, text=excerpt(raw))
        return whole(request, reply)
    try:
        if request.op in ORDER_CALLS and data:
            return _orders_done(request, [Row(item) for item in data])
        if code == 0:
            return _understand(request, data)
    except BROKEN:
        return whole(request, unreadable(request, "rows that are not what was asked"))
    return whole(request, _failure(request, status, code, text))


def _failure(request: Request, status: int, code: int, text: str) -> Reply:
    reply = classify(request, status=status, code=code, text=text)
    if code not in FROZEN:
        return reply
    named = (request.symbol,) if request.symbol else ()
    risk = RiskFact(text=f"account frozen: {code} {text}", venue_ns=0, symbols=named)
    return replace(reply, facts=(risk,))


# --- orders -----------------------------------------------------------------------


def _orders_done(request: Request, outcomes: Sequence[Row]) -> Reply:
    """One reply, or one per entry of a batch in request order."""
    if "ids" not in request.context:
        (outcome,) = outcomes
        return _order_done(request, outcome, request.client_order_id, request.symbol)

    def read(index: int, name: str) -> Reply:
        symbol = Symbol(request.context["symbols"].split()[index])
        return _order_done(request, outcomes[index], ClientOrderId(name), symbol)

    items = entries(request, len(outcomes), read)
    return Reply(
        verdict=Verdict.OK,
        items=items,
        facts=tuple(fact for item in items for fact in item.facts),
        throttle=next((item.throttle for item in items if item.throttle), None),
    )


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
    venue_id = outcome.name("algoId" if is_algo else "ordId")
    assert symbol is not None, "orders are of instruments"
    venue_ns = outcome.nanos("ts", 0)
    fact = OrderFact(
        symbol=symbol,
        venue_order_id=VenueOrderId(venue_id),
        client_order_id=name,
        status=OrderStatus.NEW,
        venue_ns=venue_ns,
        is_conditional=is_algo,
        created_ns=venue_ns or None,
    )
    return ok(fact)


# --- questions --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Reader:
    """How the rows of an answer are read. Pages follow each other by *last_id*;
    *is_filtered*: kinds that are not traded here come too. *is_single*: an account
    without a row is no empty account, it is no answer."""

    translate: Callable[[Row], Iterable[Fact]]
    last_id: str = ""
    is_filtered: bool = False
    is_single: bool = False


def _understand(request: Request, data: Sequence[object]) -> Reply:
    match request.op:
        case "server_time":
            (item,) = data
            return Reply(verdict=Verdict.OK, server_ms=Row(item).millis("ts"))
        case "tiers":
            assert request.symbol is not None
            tiers = map(Row, data)
            return ok(rows.bracket_fact(request.symbol, tiers)) if data else ok()
        case "instruments":
            return ok(*one_by_one(data, _instrument, "instrument"))
        case "set_leverage" | "set_hedge_mode" | "dead_man":
            return ok(*setting_facts(request))
        case "query_order" | "query_conditional" if not data:
            return Reply(verdict=Verdict.NOT_FOUND, text="no such order")
    reader = _READERS[request.op]
    page = [Row(item) for item in data]
    if reader.is_single and len(page) != 1:
        raise ValueError("one row is expected")
    if request.op in ("query_order", "query_conditional"):
        # Several orders may have had one client id: the newest is told.
        page = page[:1]
    kept = [row for row in page if not reader.is_filtered or rows.is_ours(row)]
    last = page[-1].name(reader.last_id) if page and reader.last_id else ""
    following = questions.next_page(request, last, len(page))
    facts = (fact for row in kept for fact in reader.translate(row))
    return ok(*facts, next_request=following)


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


_READERS = {
    "query_order": _Reader(rows.order_facts),
    "query_conditional": _Reader(rows.algo_facts),
    "open_orders": _Reader(rows.order_facts, "ordId", is_filtered=True),
    "open_conditionals": _Reader(rows.algo_facts, "algoId", is_filtered=True),
    "fills": _Reader(lambda row: [rows.fill_fact(row)], "billId"),
    "positions": _Reader(lambda row: [rows.position_fact(row)], is_filtered=True),
    "balance": _Reader(rows.account_facts, is_single=True),
    "bills": _Reader(rows.bill_facts, "billId"),
    "leverage": _Reader(lambda row: [rows.leverage_setting(row)]),
    "settings": _Reader(_settings, is_single=True),
    "key_info": _Reader(_key_info, is_single=True),
    "marks": _Reader(lambda row: [rows.mark_fact(row)]),
}
