"""Answers into replies: one reader per kind of request.

Code 0 to a command on an order means accepted for processing, no more. A good
answer that is not what was asked for proves nothing: UNKNOWN for a command. A list
with one unreadable row is refused as a whole where a missing row would be taken
for "is not there"; instruments are read one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from connector.dialect.facts import (
    Fact,
    FillFact,
    PositionFact,
    SettingFact,
    UnknownFact,
)
from connector.dialect.wire import HttpAnswer, Reply, Request, Verdict
from connector.model.clock import NS_PER_MS
from connector.model.noun import replace
from connector.model.order import PositionSide
from connector.venues.base import setting_facts
from connector.venues.bybit_v5 import rows, words
from connector.venues.bybit_v5.classify import LIQUIDATION, classify
from connector.venues.bybit_v5.limits import told_in
from connector.venues.json_rows import Row
from connector.venues.pages import Listing
from connector.venues.replies import (
    BROKEN,
    at_risk,
    entries,
    excerpt,
    ok,
    one_by_one,
    whole,
)
from connector.venues.verdicts import unreadable
from connector.venues.windows import next_page

Reader = Callable[[Request, Row, Row], Reply]


def read_answer(request: Request, answer: HttpAnswer) -> Reply:
    """Classify and translate an HTTP answer; never raises."""
    return _read(request, answer.body, answer.status, answer.headers)


def read_frame_reply(request: Request, raw: bytes) -> Reply:
    """The same for an answer of WebSocket order entry; its result is `data`."""
    return _read(request, raw, 200, None)


def _read(
    request: Request, raw: bytes, status: int, headers: Mapping[str, str] | None
) -> Reply:
    is_good, body = 200 <= status < 300, None
    try:
        body = Row.of_bytes(raw)
        code = body.integer("retCode")
        if headers is None:
            told = body.row("header").texts()
            headers = {name.lower(): value for name, value in told.items()}
        if is_good and code == 0:
            named = "result" if body.has("result") else "data"
            reply = _READERS[request.op](request, body.row(named), body)
        else:
            reply = _failure(request, status, code or None, body, excerpt(raw), headers)
    except BROKEN:
        reply = whole(request, unreadable(request, excerpt(raw)))
        if not is_good:
            reply = _failure(
                request, status, None, Row({}), excerpt(raw), headers or {}
            )
    used, limits = told_in(request.op, headers or {})
    return replace(reply, used=used, limits=limits) if used else reply


def _failure(
    request: Request,
    status: int,
    code: int | None,
    body: Row,
    told: str,
    headers: Mapping[str, str],
) -> Reply:
    server_ms = body.millis("time", 0)
    text = body.text("retMsg", "") if code else told
    reply = classify(
        request,
        status=status,
        code=code,
        text=text,
        headers=headers,
        server_ms=server_ms,
    )
    if reply.verdict is Verdict.UNCHANGED:
        reply = replace(reply, facts=setting_facts(request))
    elif code in LIQUIDATION:
        text = f"liquidation under way: {code} {reply.text}"
        reply = at_risk(request, reply, text, server_ms * NS_PER_MS)
    return whole(request, reply)


def _following(request: Request, result: Row, count: int) -> Request | None:
    return next_page(request, result.text("nextPageCursor", ""), count)


# --- commands -------------------------------------------------------------------


def _processing(request: Request, result: Row, body: Row) -> Reply:
    named = result.text("orderLinkId", "")
    if request.op == "place" and named != request.client_order_id:
        raise ValueError("the answer speaks of another order")
    return Reply(verdict=Verdict.PROCESSING)


def _batch(request: Request, result: Row, body: Row) -> Reply:
    """Entries are aligned by index; a missing or foreign one is unknown."""
    ends, named = body.row("retExtInfo").rows("list"), result.rows("list")

    def read(index: int, client_order_id: str) -> Reply:
        code, text = ends[index].integer("code"), ends[index].text("msg", "")
        if code != 0:
            return classify(request, status=200, code=code, text=text, headers={})
        told = named[index].text("orderLinkId", "") if index < len(named) else ""
        if request.op == "place_batch" and told != client_order_id:
            return unreadable(request, "the entry speaks of another order")
        return Reply(verdict=Verdict.PROCESSING)

    items = entries(request, len(ends), read)
    return Reply(verdict=Verdict.PROCESSING, items=items)


def _cancel_all(request: Request, result: Row, body: Row) -> Reply:
    """The call is done; the end of each order comes over the stream."""
    result.items("list")
    return ok()


def _set(request: Request, result: Row, body: Row) -> Reply:
    return ok(*setting_facts(request))


# --- questions ------------------------------------------------------------------


def _time(request: Request, result: Row, body: Row) -> Reply:
    server_ms = result.integer("timeNano") // NS_PER_MS
    return Reply(verdict=Verdict.OK, server_ms=server_ms)


def _listed(translate: Callable[[Row, int], Iterable[Fact]]) -> Reader:
    """A reader of pages; *translate* gets each row and the time of the answer."""

    def read(request: Request, result: Row, body: Row) -> Reply:
        found, venue_ns = result.rows("list"), body.nanos("time", 0)
        facts = [fact for row in found for fact in translate(row, venue_ns)]
        return ok(*facts, next_request=_following(request, result, len(found)))

    return read


_ORDERS = Listing(lambda row: (rows.order_fact(row),), is_newest=True)


def _one_order(request: Request, result: Row, body: Row) -> Reply:
    return _ORDERS.read(request, result.items("list"))


def _fills(request: Request, result: Row, body: Row) -> Reply:
    """Oldest first; executions of one time come in no stable order. Funding is
    left to the ledger, which is always asked beside; what nobody understands is
    told once, asking again tells no more."""
    facts = [rows.execution_fact(row) for row in result.rows("list")]
    told = [f for f in facts if isinstance(f, FillFact)]
    told.sort(key=lambda f: (f.venue_ns, f.trade_id, f.venue_order_id))
    strange = [replace(f, is_gap=False) for f in facts if isinstance(f, UnknownFact)]
    return ok(*told, *strange, next_request=_following(request, result, len(facts)))


def _position_settings(request: Request, result: Row, body: Row) -> Reply:
    """Leverage; and the mode, which only USDT contracts can show."""
    told = [
        fact
        for row in result.rows("list")
        for fact in rows.position_facts(row)
        if isinstance(fact, PositionFact)
    ]
    facts: list[Fact] = [
        SettingFact(symbol=fact.symbol, leverage=fact.leverage)
        for fact in told
        if fact.leverage
    ]
    if told and words.settle_coin_of(told[0].symbol) == "USDT":
        is_hedge = any(fact.position_side is not PositionSide.NET for fact in told)
        facts.append(SettingFact(is_hedge_mode=is_hedge))
    return ok(*facts)


def _account_info(request: Request, result: Row, body: Row) -> Reply:
    return ok(words.mode_fact(words.MARGIN_MODES.get(result.text("marginMode", ""))))


def _instruments(request: Request, result: Row, body: Row) -> Reply:
    found = result.items("list")
    facts = one_by_one(found, lambda i: rows.instrument_fact(Row(i)), "instrument")
    return ok(*facts, next_request=_following(request, result, len(found)))


def _tiers(request: Request, result: Row, body: Row) -> Reply:
    found = result.rows("list")
    following = _following(request, result, len(found))
    return ok(*rows.bracket_facts(found), next_request=following)


def _key_info(request: Request, result: Row, body: Row) -> Reply:
    return ok(rows.key_fact(result))


_READERS: dict[str, Reader] = {
    **dict.fromkeys(("place", "amend", "cancel"), _processing),
    **dict.fromkeys(("place_batch", "cancel_batch"), _batch),
    **dict.fromkeys(("set_leverage", "set_hedge_mode", "set_margin_mode"), _set),
    **dict.fromkeys(("query_order", "query_history"), _one_order),
    "cancel_all": _cancel_all,
    "server_time": _time,
    "open_orders": _listed(lambda row, _: (rows.order_fact(row),)),
    "fills": _fills,
    "positions": _listed(lambda row, _: rows.position_facts(row)),
    "position_settings": _position_settings,
    # The rows of wallets and tickers tell no time: it is that of the answer.
    "balances": _listed(lambda row, ns: rows.wallet_facts(row, ns, is_as_of=True)),
    "account_info": _account_info,
    "ledger": _listed(lambda row, _: rows.ledger_facts(row)),
    "instruments": _instruments,
    "tiers": _tiers,
    "key_info": _key_info,
    "marks": _listed(rows.mark_facts),
}
