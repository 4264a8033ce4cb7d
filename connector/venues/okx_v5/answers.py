"""Answers into replies: one reader per kind of request.

Every answer, by REST or as a frame, is ``{code, msg, data}``. Orders have an
outcome per row (``sCode``) and the envelope only sums them up; everything else is
judged by ``code``. A good answer that is not what was asked for proves nothing:
UNKNOWN for a command. A list with one unreadable row is refused as a whole where a
missing row would be taken for "is not there"; instruments are read one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

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

Reader = Callable[[Request, Sequence[object]], Reply]


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
            return _READERS[request.op](request, data)
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
    is_algo = request.op.endswith("_algo")
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


def _listed(
    translate: Callable[[Row], Iterable[Fact]],
    last_id: str = "",
    *,
    is_filtered: bool = False,
) -> Reader:
    """A reader of pages, which follow each other by *last_id*; *is_filtered*: of kinds
    that are not traded here too."""

    def read(request: Request, data: Sequence[object]) -> Reply:
        page = [Row(item) for item in data]
        kept = [row for row in page if not is_filtered or rows.is_ours(row)]
        facts = [fact for row in kept for fact in translate(row)]
        last = page[-1].name(last_id) if page and last_id else ""
        following = questions.next_page(request, last, len(page))
        return ok(*facts, next_request=following)

    return read


def _newest(translate: Callable[[Row], Iterable[Fact]]) -> Reader:
    """Several orders may have had one client id: the newest is told."""

    def read(request: Request, data: Sequence[object]) -> Reply:
        if not data:
            return Reply(verdict=Verdict.NOT_FOUND, text="no such order")
        return ok(*translate(Row(data[0])))

    return read


def _single(translate: Callable[[Row], Iterable[Fact]]) -> Reader:
    """An account without a row is no empty account, it is no answer."""

    def read(request: Request, data: Sequence[object]) -> Reply:
        (item,) = data
        return ok(*translate(Row(item)))

    return read


def _instruments(request: Request, data: Sequence[object]) -> Reply:
    facts = one_by_one(data, lambda i: rows.instrument_fact(Row(i)), "instrument")
    return ok(*facts)


def _tiers(request: Request, data: Sequence[object]) -> Reply:
    assert request.symbol is not None
    return ok(rows.bracket_fact(request.symbol, map(Row, data))) if data else ok()


def _time(request: Request, data: Sequence[object]) -> Reply:
    (item,) = data
    return Reply(verdict=Verdict.OK, server_ms=Row(item).millis("ts"))


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


def _set(request: Request, data: Sequence[object]) -> Reply:
    return ok(*setting_facts(request))


_READERS: dict[str, Reader] = {
    "server_time": _time,
    "query_order": _newest(rows.order_facts),
    "query_algo": _newest(rows.algo_facts),
    "open_orders": _listed(rows.order_facts, "ordId", is_filtered=True),
    "open_algos": _listed(rows.algo_facts, "algoId", is_filtered=True),
    "fills": _listed(lambda row: [rows.fill_fact(row)], "billId"),
    "positions": _listed(lambda row: [rows.position_fact(row)], is_filtered=True),
    "balance": _single(rows.account_facts),
    "bills": _listed(rows.bill_facts, "billId"),
    "instruments": _instruments,
    "tiers": _tiers,
    "leverage": _listed(lambda row: [rows.leverage_setting(row)]),
    "settings": _single(_settings),
    "key_info": _single(_key_info),
    "marks": _listed(lambda row: [rows.mark_fact(row)]),
    **dict.fromkeys(("set_leverage", "set_hedge_mode", "dead_man"), _set),
}
