"""Answers into replies: one reader per kind of request.

An answer is an envelope with a result or an error, whatever the HTTP status says; a
result that is not what was asked for proves nothing: UNKNOWN for a command. A list
with one unreadable row is refused as a whole where a missing row would be taken for
"is not there"; instruments are read one by one. `usIn` is when the venue read the
request: what it tells is at least that new.
"""

from __future__ import annotations

from collections.abc import Callable

from connector.dialect.facts import Fact, MarkFact, SettingFact, TokenFact
from connector.dialect.wire import HttpAnswer, Reply, Request, Verdict
from connector.model.credentials import Secret
from connector.model.noun import replace
from connector.venues.deribit import questions, requests, rows, words
from connector.venues.deribit.classify import failure
from connector.venues.deribit.limits import limits_fact
from connector.venues.deribit.wire import Row, error_text
from connector.venues.replies import BROKEN, excerpt, ok, one_by_one
from connector.venues.verdicts import unreadable

_NS_PER_US = 1_000

Reader = Callable[[Request, Row], Reply]


def read_answer(request: Request, answer: HttpAnswer) -> Reply:
    """Classify and translate an HTTP answer; never raises."""
    return _read(request, answer.status, answer.body)


def read_frame_reply(request: Request, raw: bytes) -> Reply:
    """The same for an answer that came as a frame."""
    return _read(request, 200, raw)


def _read(request: Request, status: int, body: bytes) -> Reply:
    code, text, is_good = None, excerpt(body), 200 <= status < 300
    try:
        told = Row.of_bytes(body)
        if told.has("error"):
            error = told.row("error")
            code, text = error.integer("code"), error_text(error)
        elif is_good:
            return _READERS[request.op](request, told)
    except BROKEN:
        if is_good:
            return unreadable(request, excerpt(body))
    return failure(request, status=status, code=code, text=text)


def _as_of(told: Row) -> int:
    return told.integer("usIn", 0) * _NS_PER_US


def _placed(request: Request, told: Row) -> Reply:
    answer = told.row("result")
    fact = rows.order_fact(answer.row("order"))
    if request.op == "amend":
        fact = replace(fact, is_amend=True)
    elif fact.client_order_id != request.client_order_id:
        raise ValueError("the answer speaks of another order")
    return ok(fact, *map(rows.fill_fact, answer.rows_if("trades")))


def _cancelled(request: Request, told: Row) -> Reply:
    """The order itself, or by label how many there were."""
    if not isinstance(told.value("result"), int):
        return ok(rows.order_fact(told.row("result")))
    is_none = told.integer("result") == 0
    return Reply(verdict=Verdict.NOT_OPEN, code="none open") if is_none else ok()


def _done(request: Request, told: Row) -> Reply:
    """A number, a list or a word of praise: they say no more."""
    if not told.has("result"):
        raise ValueError("neither a result nor an error")
    return ok()


def _time(request: Request, told: Row) -> Reply:
    return Reply(verdict=Verdict.OK, server_ms=told.millis("result"))


def _order(request: Request, told: Row) -> Reply:
    return ok(rows.order_fact(told.row("result")))


def _labelled(request: Request, told: Row) -> Reply:
    """Every order with the label, oldest first: more than one is told as it is, and
    the machine adopts the first."""
    found = map(rows.order_fact, told.rows("result"))
    mine = [fact for fact in found if fact.symbol == request.symbol]
    if not mine:
        return Reply(verdict=Verdict.NOT_FOUND)
    return ok(*sorted(mine, key=lambda fact: fact.created_ns or 0))


def _history(request: Request, told: Row) -> Reply:
    """The order asked for among those of the past, and what it became."""
    ids, page = request.context["ids"].split(), told.row("result")
    facts = [rows.order_fact(row) for row in page.rows("orders")]
    found = [
        fact
        for fact in facts
        if {fact.venue_order_id, fact.conditional_order_id} & set(ids)
        or (not ids and fact.client_order_id == request.client_order_id)
    ]
    if found:
        return ok(*found)
    oldest_ns = min((fact.created_ns or 0 for fact in facts), default=0)
    following = questions.next_history(request, page, oldest_ns)
    return Reply(verdict=Verdict.NOT_FOUND, next_request=following)


def _orders(request: Request, told: Row) -> Reply:
    return ok(*map(rows.order_fact, told.rows("result")))


def _fills(request: Request, told: Row) -> Reply:
    page = told.row("result")
    fills = [rows.fill_fact(row) for row in page.rows("trades")]
    more = page.flag("has_more") is True
    newest_ns = max((fill.venue_ns for fill in fills), default=0)
    following = questions.next_fills(request, newest_ns) if more and fills else None
    return ok(*fills, next_request=following)


def _positions(request: Request, told: Row) -> Reply:
    at_ns = _as_of(told)
    return ok(*(rows.position_fact(row, at_ns) for row in told.rows("result")))


def _summaries(request: Request, told: Row) -> Reply:
    at_ns, found = _as_of(told), told.row("result").rows("summaries")
    return ok(*(fact for row in found for fact in rows.summary_facts(row, at_ns)))


def _settings(request: Request, told: Row) -> Reply:
    """No leverage, no modes: netting in one direction, margin by model."""
    limits = limits_fact(told.row("result").value("limits") or {})
    facts: list[Fact] = [SettingFact(is_hedge_mode=False)]
    if limits is not None:
        facts.append(limits)
    return ok(*facts)


def _ledger(request: Request, told: Row) -> Reply:
    page = told.row("result")
    entries = [fact for row in page.rows("logs") for fact in rows.log_facts(row)]
    entries.sort(key=lambda fact: fact.seq or 0)
    return ok(*entries, next_request=questions.next_page(request, page))


def _instruments(request: Request, told: Row) -> Reply:
    listed = [
        item
        for item in told.items("result")  # combinations trade as their legs
        if not isinstance(item, dict) or item.get("kind") in words.KINDS
    ]
    return ok(
        *one_by_one(listed, lambda raw: rows.instrument_fact(Row(raw)), "instrument")
    )


def _protection(request: Request, told: Row) -> Reply:
    """OK only if orders of this connection end with it; else it is to be armed."""
    if told.row("result").flag("enabled"):
        return ok()
    return Reply(
        verdict=Verdict.REJECTED, code="unprotected", next_request=requests.arm()
    )


def _token(request: Request, told: Row) -> Reply:
    """What REST calls carry, where tokens are exchanged for."""
    answer = told.row("result")
    token = Secret(answer.name("access_token"))
    return ok(TokenFact(token=token, lifetime_s=answer.integer("expires_in")))


def _marks(request: Request, told: Row) -> Reply:
    return ok(rows.mark_fact(told.row("result")))


def _all_marks(request: Request, told: Row) -> Reply:
    return ok(
        *(
            MarkFact(
                symbol=row.symbol("instrument_name"),
                mark_price=row.amount("mark_price"),
                venue_ns=row.nanos("creation_timestamp"),
            )
            for row in told.rows("result")
            if row.amount_or_none("mark_price")
        )
    )


_READERS: dict[str, Reader] = {
    "place": _placed,
    "amend": _placed,
    "cancel": _cancelled,
    "cancel_all": _done,
    "dead_man": _protection,
    "dead_man_arm": _done,
    "exchange": _token,
    "server_time": _time,
    "query_order": _order,
    "query_label": _labelled,
    "order_history": _history,
    "open_orders": _orders,
    "fills": _fills,
    "positions": _positions,
    "summaries": _summaries,
    "settings": _settings,
    "ledger": _ledger,
    "instruments": _instruments,
    "marks": _marks,
    "all_marks": _all_marks,
}
