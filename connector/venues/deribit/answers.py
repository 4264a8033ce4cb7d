"""Answers into replies: one reader per kind of request.

An answer is an envelope with a result or an error, whatever the HTTP status says; a
result that is not what was asked for proves nothing: UNKNOWN for a command. A list
with one unreadable row is refused as a whole where a missing row would be taken for
"is not there"; instruments are read one by one. `usIn` is when the venue read the
request: what it tells is at least that new.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connector.dialect.facts import Fact, MarkFact, SettingFact, UnknownFact
from connector.dialect.wire import HttpAnswer, Reply, Request, Verdict
from connector.model.clock import NS_PER_MS
from connector.model.ids import Symbol
from connector.model.noun import replace
from connector.venues.deribit import questions, rows, wire, words
from connector.venues.deribit.classify import failure, unreadable
from connector.venues.deribit.limits import limits_fact
from connector.venues.deribit.wire import Envelope, Shape

_BROKEN = (ValueError, KeyError, ArithmeticError, RecursionError)
_ENVELOPE = Shape(Envelope)
_NS_PER_US = 1_000


def read_answer(request: Request, answer: HttpAnswer) -> Reply:
    """Classify and translate an HTTP answer; never raises."""
    return _read(request, answer.status, answer.body)


def read_frame_reply(request: Request, raw: bytes) -> Reply:
    """The same for an answer that came as a frame."""
    return _read(request, 200, raw)


def _read(request: Request, status: int, body: bytes) -> Reply:
    try:
        envelope: Envelope = _ENVELOPE.of_object(wire.parse(body))
    except _BROKEN:
        excerpt = body[:200].decode("utf-8", "replace")
        if 200 <= status < 300:
            return unreadable(request, excerpt)
        return failure(request, status=status, code=None, text=excerpt)
    if envelope.error is not None:
        return failure(
            request, status=status, code=envelope.error.code, text=envelope.error.text
        )
    if not 200 <= status < 300:
        return failure(request, status=status, code=None, text="no error in the answer")
    reader = _READERS[request.op]
    try:
        result = reader.shape.of_object(envelope.result)
        return reader.translate(request, result, envelope.us_in * _NS_PER_US)
    except _BROKEN:
        excerpt = json.dumps(envelope.result, default=str)[:200]
        return unreadable(request, excerpt)


@dataclass(frozen=True, slots=True)
class _Reader:
    shape: Shape
    translate: Callable[[Request, Any, int], Reply]


def _ok(*facts: Fact, next_request: Request | None = None) -> Reply:
    return Reply(verdict=Verdict.OK, facts=facts, next_request=next_request)


def _placed(request: Request, answer: wire.Placed, at_ns: int) -> Reply:
    fact = rows.order_fact(answer.order)
    if fact.client_order_id != request.client_order_id:
        raise ValueError("the answer speaks of another order")
    return _ok(fact, *(rows.fill_fact(row) for row in answer.trades))


def _amended(request: Request, answer: wire.Placed, at_ns: int) -> Reply:
    fact = replace(rows.order_fact(answer.order), is_amend=True)
    return _ok(fact, *(rows.fill_fact(row) for row in answer.trades))


def _cancelled(request: Request, answer: wire.OrderRow | int, at_ns: int) -> Reply:
    """The order itself, or by label how many there were."""
    if isinstance(answer, int):
        return _ok() if answer else Reply(verdict=Verdict.NOT_OPEN, code="none open")
    return _ok(rows.order_fact(answer))


def _counted(request: Request, answer: Any, at_ns: int) -> Reply:
    """A number; other shapes are reported, and say the same."""
    return _ok()


def _time(request: Request, answer: int, at_ns: int) -> Reply:
    return Reply(verdict=Verdict.OK, server_ms=answer)


def _order(request: Request, row: wire.OrderRow, at_ns: int) -> Reply:
    return _ok(rows.order_fact(row))


def _labelled(request: Request, page: list[wire.OrderRow], at_ns: int) -> Reply:
    """Every order with the label, oldest first: more than one is told as it is, and
    the machine adopts the first."""
    mine = sorted(
        (row for row in page if row.instrument_name == request.symbol),
        key=lambda row: row.creation_timestamp or 0,
    )
    if not mine:
        return Reply(verdict=Verdict.NOT_FOUND)
    return _ok(*(rows.order_fact(row) for row in mine))


def _history(request: Request, page: wire.OrderPage, at_ns: int) -> Reply:
    """The order asked for among those of the past, and what it became."""
    ids = request.context["ids"].split()
    found = [
        row
        for row in page.orders
        if row.order_id in ids
        or row.trigger_order_id in ids
        or (not ids and row.label and row.label == request.client_order_id)
    ]
    if found:
        return _ok(*(rows.order_fact(row) for row in found))
    return Reply(
        verdict=Verdict.NOT_FOUND,
        next_request=questions.next_history(request, page),
    )


def _orders(request: Request, page: list[wire.OrderRow], at_ns: int) -> Reply:
    return _ok(*(rows.order_fact(row) for row in page))


def _fills(request: Request, page: wire.TradePage, at_ns: int) -> Reply:
    return _ok(
        *(rows.fill_fact(row) for row in page.trades),
        next_request=questions.next_fills(request, page),
    )


def _positions(request: Request, page: list[wire.PositionRow], at_ns: int) -> Reply:
    return _ok(*(rows.position_fact(row, at_ns) for row in page))


def _summaries(request: Request, answer: wire.Summaries, at_ns: int) -> Reply:
    return _ok(
        *(fact for row in answer.summaries for fact in rows.summary_facts(row, at_ns))
    )


def _settings(request: Request, row: wire.Summary, at_ns: int) -> Reply:
    """No leverage, no modes: netting in one direction, margin by model."""
    limits = limits_fact(row.limits or {})
    facts: list[Fact] = [SettingFact(is_hedge_mode=False)]
    if limits is not None:
        facts.append(limits)
    return _ok(*facts)


def _ledger(request: Request, page: wire.LogPage, at_ns: int) -> Reply:
    ordered = sorted(page.logs, key=lambda row: row.user_seq or row.id)
    return _ok(
        *(fact for row in ordered for fact in rows.log_facts(row)),
        next_request=questions.next_log(request, page),
    )


def _instruments(request: Request, page: list[Any], at_ns: int) -> Reply:
    facts: list[Fact] = []
    for raw in page:
        if isinstance(raw, dict) and raw.get("kind") not in words.KINDS:
            continue  # combinations trade as their legs
        try:
            facts.append(rows.instrument_fact(_INSTRUMENT.of_object(raw)))
        except _BROKEN:
            text = json.dumps(raw, default=str)[:4096]
            facts.append(UnknownFact(kind="instrument", raw=text))
    return _ok(*facts)


def _protection(request: Request, answer: wire.CancelOnDisconnect, at_ns: int) -> Reply:
    """OK only if orders of this connection end with it."""
    if answer.enabled:
        return _ok()
    return Reply(
        verdict=Verdict.REJECTED,
        code="unprotected",
        text="cancel-on-disconnect is off: switch it on for the account, on the "
        "venue's web page",
    )


def _marks(request: Request, row: wire.Ticker, at_ns: int) -> Reply:
    return _ok(rows.mark_fact(row))


def _all_marks(request: Request, page: list[wire.BookSummary], at_ns: int) -> Reply:
    return _ok(
        *(
            MarkFact(
                symbol=Symbol(row.instrument_name),
                mark_price=row.mark_price,
                venue_ns=row.creation_timestamp * NS_PER_MS,
            )
            for row in page
            if row.mark_price
        )
    )


def _reader(model: Any, translate: Callable[[Request, Any, int], Reply]) -> _Reader:
    return _Reader(Shape(model), translate)


_INSTRUMENT = Shape(wire.InstrumentRow)

_READERS: dict[str, _Reader] = {
    "place": _reader(wire.Placed, _placed),
    "amend": _reader(wire.Placed, _amended),
    "cancel": _reader(int | wire.OrderRow, _cancelled),
    "cancel_all": _reader(int | Decimal | list[Any], _counted),
    "protection": _reader(wire.CancelOnDisconnect, _protection),
    "server_time": _reader(int, _time),
    "query_order": _reader(wire.OrderRow, _order),
    "query_label": _reader(list[wire.OrderRow], _labelled),
    "order_history": _reader(wire.OrderPage, _history),
    "open_orders": _reader(list[wire.OrderRow], _orders),
    "fills": _reader(wire.TradePage, _fills),
    "positions": _reader(list[wire.PositionRow], _positions),
    "summaries": _reader(wire.Summaries, _summaries),
    "settings": _reader(wire.Summary, _settings),
    "ledger": _reader(wire.LogPage, _ledger),
    "instruments": _reader(list[Any], _instruments),
    "marks": _reader(wire.Ticker, _marks),
    "all_marks": _reader(list[wire.BookSummary], _all_marks),
}
