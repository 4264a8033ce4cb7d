"""Answers into replies: one reader per kind of request.

Every answer, by REST or as a frame, is ``{code, msg, data}``. Orders have an
outcome per row (``sCode``) and the envelope only sums them up; everything else is
judged by ``code``. A good answer that is not what was asked for proves nothing:
UNKNOWN for a command. A list with one unreadable row is refused as a whole where a
missing row would be taken for "is not there"; instruments are read one by one, so
that a broken one hides itself alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from connector.dialect.facts import (
    Fact,
    KeyFact,
    OrderFact,
    SettingFact,
    UnknownFact,
)
from connector.dialect.wire import HttpAnswer, Reply, Request, Verdict
from connector.model.clock import NS_PER_MS
from connector.model.ids import ClientOrderId, Symbol, VenueOrderId
from connector.model.noun import replace
from connector.model.order import OrderStatus
from connector.venues.okx_v5 import questions, rows, wire, words
from connector.venues.okx_v5.classify import ENDING, PLACING, classify, unreadable
from connector.venues.okx_v5.wire import Shape

_BROKEN = (ValueError, KeyError, ArithmeticError, RecursionError)
_ORDER_OPS = PLACING | ENDING
_ENVELOPE = Shape(wire.Envelope)
_OUTCOMES = Shape(list[wire.Outcome])


def read_answer(request: Request, answer: HttpAnswer) -> Reply:
    """Classify and translate an HTTP answer; never raises."""
    return _read(request, answer.status, answer.body)


def read_frame_reply(request: Request, raw: bytes) -> Reply:
    """The same for an answer of order entry, which has no status."""
    return _read(request, 200, raw)


def _read(request: Request, status: int, body: bytes) -> Reply:
    try:
        envelope: wire.Envelope = _ENVELOPE.of_bytes(body)
    except _BROKEN:
        text = body[:200].decode("utf-8", "replace")
        if 200 <= status < 300:
            return _whole(request, unreadable(request, text))
        reply = classify(request, status=status, code=None, text=text)
        return _whole(request, reply)
    try:
        if request.op in _ORDER_OPS and envelope.data:
            return _orders_done(request, _OUTCOMES.of_object(envelope.data))
        if envelope.code == 0:
            return _understand(request, envelope.data)
    except _BROKEN:
        return _whole(request, unreadable(request, "rows that are not what was asked"))
    reply = classify(request, status=status, code=envelope.code, text=envelope.msg)
    return _whole(request, reply)


def _whole(request: Request, reply: Reply) -> Reply:
    """A batch that failed as a whole: every entry fails in the same way."""
    count = int(request.context.get("count", "0"))
    return replace(reply, items=(reply,) * count) if count else reply


# --- orders -----------------------------------------------------------------------


def _orders_done(request: Request, outcomes: Sequence[wire.Outcome]) -> Reply:
    """One reply, or one per entry of a batch in request order."""
    if "ids" not in request.context:
        (outcome,) = outcomes
        return _order_done(request, outcome, request.client_order_id)
    names = request.context["ids"].split()
    items = []
    for index, name in enumerate(names):
        if index < len(outcomes):
            item = _order_done(request, outcomes[index], ClientOrderId(name))
        else:
            item = unreadable(request, "fewer entries than orders")
        items.append(item)
    return Reply(
        verdict=Verdict.OK,
        items=tuple(items),
        facts=tuple(fact for item in items for fact in item.facts),
        throttle=next((item.throttle for item in items if item.throttle), None),
    )


def _order_done(
    request: Request, outcome: wire.Outcome, name: ClientOrderId | None
) -> Reply:
    """A placed order exists; a cancel or an amend was only taken note of."""
    told = outcome.algo_cl_ord_id or outcome.cl_ord_id
    if request.op.startswith("place") and told and told != name:
        return unreadable(request, "the entry speaks of another order")
    if outcome.s_code:
        return classify(request, status=200, code=outcome.s_code, text=outcome.s_msg)
    if request.op.startswith("amend"):
        return Reply(verdict=Verdict.PROCESSING)
    if not request.op.startswith("place"):
        return Reply(verdict=Verdict.OK)
    is_algo = request.op == "place_algo"
    venue_id = outcome.algo_id if is_algo else outcome.ord_id
    if not venue_id:
        return unreadable(request, "accepted without an order id")
    symbol = request.symbol or _symbol_in(request, name)
    fact = OrderFact(
        symbol=symbol,
        venue_order_id=VenueOrderId(venue_id),
        client_order_id=name,
        status=OrderStatus.NEW,
        venue_ns=outcome.ts * NS_PER_MS,
        is_conditional=is_algo,
        created_ns=outcome.ts * NS_PER_MS or None,
    )
    return Reply(verdict=Verdict.OK, facts=(fact,))


def _symbol_in(request: Request, name: ClientOrderId | None) -> Symbol:
    """The instrument of one entry of a batch."""
    assert isinstance(request.body, list), "batches are lists"
    found = (row["instId"] for row in request.body if row.get("clOrdId") == name)
    return Symbol(str(next(found)))


# --- questions --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Reader:
    shape: Shape
    translate: Callable[[Request, Any], Reply]


def _understand(request: Request, data: list[Any]) -> Reply:
    reader = _READERS[request.op]
    return reader.translate(request, reader.shape.of_object(data))


def _ok(*facts: Fact, next_request: Request | None = None) -> Reply:
    return Reply(verdict=Verdict.OK, facts=facts, next_request=next_request)


def _order(request: Request, page: list[wire.OrderRow]) -> Reply:
    if not page:
        return Reply(verdict=Verdict.NOT_FOUND, text="no such order")
    # Several orders may have had one client id: the newest is told.
    return _ok(*rows.order_facts(page[0]))


def _algo(request: Request, page: list[wire.AlgoRow]) -> Reply:
    if not page:
        return Reply(verdict=Verdict.NOT_FOUND, text="no such order")
    return _ok(rows.algo_fact(page[0]))


def _open_orders(request: Request, page: list[wire.OrderRow]) -> Reply:
    following = questions.next_page(
        request, page[-1].ord_id if page else None, len(page)
    )
    ours = [row for row in page if row.inst_type in words.KINDS]
    facts = [fact for row in ours for fact in rows.order_facts(row)]
    return _ok(*facts, next_request=following)


def _open_algos(request: Request, page: list[wire.AlgoRow]) -> Reply:
    following = questions.next_page(
        request, page[-1].algo_id if page else None, len(page)
    )
    ours = [row for row in page if row.inst_type in words.KINDS]
    return _ok(*(rows.algo_fact(row) for row in ours), next_request=following)


def _fills(request: Request, page: list[wire.FillRow]) -> Reply:
    following = questions.next_page(
        request, page[-1].bill_id if page else None, len(page)
    )
    return _ok(*(rows.fill_fact(row) for row in page), next_request=following)


def _positions(request: Request, page: list[wire.PositionRow]) -> Reply:
    ours = [row for row in page if row.inst_type in words.KINDS]
    return _ok(*(rows.position_fact(row) for row in ours))


def _balance(request: Request, page: list[wire.AccountRow]) -> Reply:
    (row,) = page  # an account without a row is no empty account, it is no answer
    return _ok(*rows.account_facts(row))


def _bills(request: Request, page: list[wire.BillRow]) -> Reply:
    following = questions.next_page(
        request, page[-1].bill_id if page else None, len(page)
    )
    facts = (fact for row in page for fact in rows.bill_facts(row))
    return _ok(*facts, next_request=following)


def _instruments(request: Request, page: list[Any]) -> Reply:
    facts: list[Fact] = []
    for raw in page:
        try:
            row = wire.InstrumentRow.model_validate(raw)
            facts.append(rows.instrument_fact(row))
        except _BROKEN:
            text = json.dumps(raw, default=str)[:4096]
            facts.append(UnknownFact(kind="instrument", raw=text))
    return _ok(*facts)


def _tiers(request: Request, page: list[wire.TierRow]) -> Reply:
    assert request.symbol is not None
    return _ok(rows.bracket_fact(request.symbol, page)) if page else _ok()


def _leverage(request: Request, page: list[wire.LeverageRow]) -> Reply:
    return _ok(*(rows.leverage_setting(row) for row in page[:1]))


def _settings(request: Request, page: list[wire.ConfigRow]) -> Reply:
    (row,) = page
    return _ok(
        SettingFact(
            is_hedge_mode=row.pos_mode == "long_short_mode",
            is_multi_asset=row.acct_lv in words.MULTI_CURRENCY_LEVELS,
            can_trade=row.acct_lv != words.SPOT_LEVEL,
        )
    )


def _key_info(request: Request, page: list[wire.ConfigRow]) -> Reply:
    (row,) = page
    may = row.perm.split(",")
    return _ok(
        KeyFact(
            can_trade="trade" in may,
            can_withdraw="withdraw" in may,
            is_ip_bound=bool(row.ip),
        )
    )


def _position_mode(request: Request, page: list[wire.ModeRow]) -> Reply:
    (row,) = page
    return _ok(SettingFact(is_hedge_mode=row.pos_mode == "long_short_mode"))


def _time(request: Request, page: list[wire.TimeRow]) -> Reply:
    (row,) = page
    return Reply(verdict=Verdict.OK, server_ms=row.ts)


def _marks(request: Request, page: list[wire.MarkRow]) -> Reply:
    return _ok(*(rows.mark_fact(row) for row in page))


def _done(request: Request, page: list[Any]) -> Reply:
    return _ok()


_READERS: dict[str, _Reader] = {
    "server_time": _Reader(Shape(list[wire.TimeRow]), _time),
    "query_order": _Reader(Shape(list[wire.OrderRow]), _order),
    "query_algo": _Reader(Shape(list[wire.AlgoRow]), _algo),
    "open_orders": _Reader(Shape(list[wire.OrderRow]), _open_orders),
    "open_algos": _Reader(Shape(list[wire.AlgoRow]), _open_algos),
    "fills": _Reader(Shape(list[wire.FillRow]), _fills),
    "positions": _Reader(Shape(list[wire.PositionRow]), _positions),
    "balance": _Reader(Shape(list[wire.AccountRow]), _balance),
    "bills": _Reader(Shape(list[wire.BillRow]), _bills),
    "instruments": _Reader(Shape(list[Any]), _instruments),
    "tiers": _Reader(Shape(list[wire.TierRow]), _tiers),
    "leverage": _Reader(Shape(list[wire.LeverageRow]), _leverage),
    "set_leverage": _Reader(Shape(list[wire.LeverageRow]), _leverage),
    "settings": _Reader(Shape(list[wire.ConfigRow]), _settings),
    "key_info": _Reader(Shape(list[wire.ConfigRow]), _key_info),
    "set_hedge_mode": _Reader(Shape(list[wire.ModeRow]), _position_mode),
    "dead_man": _Reader(Shape(list[Any]), _done),
    "marks": _Reader(Shape(list[wire.MarkRow]), _marks),
}
