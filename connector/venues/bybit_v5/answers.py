"""Answers into replies: one reader per kind of request.

Code 0 to a command on an order means accepted for processing, no more. A good
answer that is not what was asked for proves nothing: UNKNOWN for a command. A list
with one unreadable row is refused as a whole where a missing row would be taken
for "is not there"; instruments are read one by one.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from connector.dialect.facts import (
    Fact,
    FillFact,
    PositionFact,
    RiskFact,
    SettingFact,
    UnknownFact,
)
from connector.dialect.wire import HttpAnswer, Reply, Request, Verdict
from connector.model.account import MarginMode
from connector.model.clock import NS_PER_MS
from connector.model.noun import replace
from connector.model.order import PositionSide
from connector.venues.bybit_v5 import codes, questions, rows, wire, words
from connector.venues.bybit_v5.classify import classify, unreadable
from connector.venues.bybit_v5.limits import told_in
from connector.venues.bybit_v5.messages import BROKEN
from connector.venues.bybit_v5.wire import Envelope, Shape

_WHOLE = Shape(Envelope)


def read_answer(request: Request, answer: HttpAnswer) -> Reply:
    """Classify and translate an HTTP answer; never raises."""
    return _read(request, answer.body, answer.status, answer.headers)


def read_frame_reply(request: Request, raw: bytes) -> Reply:
    """The same for an answer of WebSocket order entry; its result is `data`."""
    return _read(request, raw, 200, None)


def _read(
    request: Request, raw: bytes, status: int, headers: Mapping[str, str] | None
) -> Reply:
    excerpt = raw[:200].decode("utf-8", "replace")
    envelope: Envelope | None = None
    with contextlib.suppress(*BROKEN):
        envelope = _WHOLE.of_object(json.loads(raw, parse_float=Decimal))
    if headers is None:
        told = {} if envelope is None else envelope.header
        headers = {name.lower(): value for name, value in told.items()}
        if envelope is not None:
            envelope.result = envelope.data
    good = 200 <= status < 300
    if good and envelope is None:
        reply = _whole(request, unreadable(request, excerpt))
    elif good and envelope is not None and envelope.ret_code == 0:
        try:
            reply = _READERS[request.op](request, envelope)
        except BROKEN:
            reply = _whole(request, unreadable(request, excerpt))
    else:
        reply = _failure(request, status, envelope, excerpt, headers)
    used = told_in(request.op, headers)
    return replace(reply, used=used) if used else reply


def _failure(
    request: Request,
    status: int,
    envelope: Envelope | None,
    excerpt: str,
    headers: Mapping[str, str],
) -> Reply:
    code = None if envelope is None or envelope.ret_code == 0 else envelope.ret_code
    server_ms = envelope.time if envelope else 0
    reply = classify(
        request,
        status=status,
        code=code,
        text=envelope.ret_msg if envelope else excerpt,
        headers=headers,
        server_ms=server_ms,
    )
    facts: tuple[Fact, ...] = ()
    if reply.verdict is Verdict.UNCHANGED:
        facts = _setting_facts(request)
    elif code in codes.LIQUIDATION:
        named = (request.symbol,) if request.symbol else ()
        text = f"liquidation under way: {code} {reply.text}"
        facts = (RiskFact(text=text, venue_ns=server_ms * NS_PER_MS, symbols=named),)
    return _whole(request, replace(reply, facts=facts))


def _whole(request: Request, reply: Reply) -> Reply:
    """A batch that failed as a whole: every entry fails in the same way."""
    count = int(request.context.get("count", "0"))
    return replace(reply, items=(reply,) * count) if count else reply


def _ok(*facts: Fact, next_request: Request | None = None) -> Reply:
    return Reply(verdict=Verdict.OK, facts=facts, next_request=next_request)


def _page(
    request: Request, envelope: Envelope, shape: Shape
) -> tuple[list[Any], Request | None]:
    page = _PAGE.of_object(envelope.result)
    found = [shape.of_object(row) for row in page.rows]
    return found, questions.next_page(request, page.next_page_cursor, len(found))


# --- commands -------------------------------------------------------------------


def _processing(request: Request, envelope: Envelope) -> Reply:
    ids = _IDS.of_object(envelope.result)
    named = ids.order_link_id
    if request.op == "place" and named != request.client_order_id:
        raise ValueError("the answer speaks of another order")
    return Reply(verdict=Verdict.PROCESSING)


def _batch(request: Request, envelope: Envelope) -> Reply:
    """Entries are aligned by index; a missing or foreign one is unknown."""
    ids = request.context["ids"].split(" ")
    ends = _BATCH.of_object(envelope.ret_ext_info).rows
    named = _PAGE.of_object(envelope.result).rows
    items = []
    for index, client_order_id in enumerate(ids):
        if index >= len(ends):
            items.append(unreadable(request, "a batch entry without an answer"))
            continue
        end = ends[index]
        if end.code != 0:
            items.append(
                classify(request, status=200, code=end.code, text=end.msg, headers={})
            )
            continue
        row = _IDS.of_object(named[index]) if index < len(named) else wire.Ids()
        if request.op == "place_batch" and row.order_link_id != client_order_id:
            items.append(unreadable(request, "the entry speaks of another order"))
        else:
            items.append(Reply(verdict=Verdict.PROCESSING))
    return Reply(verdict=Verdict.PROCESSING, items=tuple(items))


def _cancel_all(request: Request, envelope: Envelope) -> Reply:
    """The call is done; the end of each order comes over the stream."""
    _PAGE.of_object(envelope.result)
    return _ok()


def _set(request: Request, envelope: Envelope) -> Reply:
    return _ok(*_setting_facts(request))


def _setting_facts(request: Request) -> tuple[Fact, ...]:
    context = request.context
    if request.op == "set_leverage":
        leverage = int(context["leverage"])
        return (SettingFact(symbol=request.symbol, leverage=leverage),)
    if request.op == "set_margin_mode":
        return (_mode_fact(MarginMode(context["mode"])),)
    if request.op == "set_hedge_mode":
        return (SettingFact(is_hedge_mode=context["is_hedge"] == "true"),)
    return ()


# --- questions ------------------------------------------------------------------


def _time(request: Request, envelope: Envelope) -> Reply:
    row = Shape(wire.TimeRow).of_object(envelope.result)
    return Reply(verdict=Verdict.OK, server_ms=row.time_nano // NS_PER_MS)


def _orders(request: Request, envelope: Envelope) -> Reply:
    found, following = _page(request, envelope, _ORDER)
    return _ok(*(rows.order_fact(row) for row in found), next_request=following)


def _one_order(request: Request, envelope: Envelope) -> Reply:
    found, _ = _page(request, envelope, _ORDER)
    if not found:
        return Reply(verdict=Verdict.NOT_FOUND)
    return _ok(*(rows.order_fact(row) for row in found))


def _fills(request: Request, envelope: Envelope) -> Reply:
    """Oldest first; executions of one time come in no stable order. Funding is
    left to the ledger, which is always asked beside."""
    found, following = _page(request, envelope, _EXECUTION)
    found.sort(key=lambda r: (r.exec_time, r.exec_id, r.order_id, r.leaves_qty))
    facts: list[Fact] = []
    for row in found:
        fact = rows.execution_fact(row)
        if isinstance(fact, FillFact):
            facts.append(fact)
        elif isinstance(fact, UnknownFact):
            facts.append(replace(fact, is_gap=False))  # asking again tells no more
    return _ok(*facts, next_request=following)


def _positions(request: Request, envelope: Envelope) -> Reply:
    found, following = _page(request, envelope, _POSITION)
    return _ok(*(rows.position_fact(row) for row in found), next_request=following)


def _position_settings(request: Request, envelope: Envelope) -> Reply:
    """Leverage; and the mode, which only USDT contracts can show."""
    found, _ = _page(request, envelope, _POSITION)
    told = [rows.position_fact(row) for row in found]
    facts: list[Fact] = [_leverage_of(fact) for fact in told if fact.leverage]
    if told and words.settle_coin_of(told[0].symbol) == "USDT":
        is_hedge = any(fact.position_side is not PositionSide.NET for fact in told)
        facts.append(SettingFact(is_hedge_mode=is_hedge))
    return _ok(*facts)


def _leverage_of(fact: PositionFact) -> SettingFact:
    return SettingFact(symbol=fact.symbol, leverage=fact.leverage)


def _balances(request: Request, envelope: Envelope) -> Reply:
    """The rows tell no time: it is that of the answer."""
    found, _ = _page(request, envelope, _WALLET)
    venue_ns = envelope.time * NS_PER_MS
    facts = (rows.wallet_facts(row, venue_ns, is_as_of=True) for row in found)
    return _ok(*(fact for told in facts for fact in told))


def _account_info(request: Request, envelope: Envelope) -> Reply:
    """Outside cross mode the totals are not ours to compute."""
    row = Shape(wire.AccountInfo).of_object(envelope.result)
    return _ok(_mode_fact(words.MARGIN_MODES.get(row.margin_mode)))


def _mode_fact(mode: MarginMode | None) -> SettingFact:
    return SettingFact(margin_mode=mode, is_multi_asset=mode is not MarginMode.CROSS)


def _ledger(request: Request, envelope: Envelope) -> Reply:
    found, following = _page(request, envelope, _LEDGER)
    facts = (fact for row in found for fact in rows.ledger_facts(row))
    return _ok(*facts, next_request=following)


def _instruments(request: Request, envelope: Envelope) -> Reply:
    page = _PAGE.of_object(envelope.result)
    facts: list[Fact] = []
    for raw in page.rows:
        try:
            facts.append(rows.instrument_fact(_INSTRUMENT.of_object(raw)))
        except BROKEN:
            text = json.dumps(raw, default=str)[:4096]
            facts.append(UnknownFact(kind="instrument", raw=text))
    following = questions.next_page(request, page.next_page_cursor, len(page.rows))
    return _ok(*facts, next_request=following)


def _tiers(request: Request, envelope: Envelope) -> Reply:
    found, following = _page(request, envelope, _TIER)
    return _ok(*rows.bracket_facts(found), next_request=following)


def _key_info(request: Request, envelope: Envelope) -> Reply:
    return _ok(rows.key_fact(Shape(wire.KeyRow).of_object(envelope.result)))


def _marks(request: Request, envelope: Envelope) -> Reply:
    found, _ = _page(request, envelope, _TICKER)
    venue_ns = envelope.time * NS_PER_MS
    return _ok(*(fact for row in found for fact in rows.mark_facts(row, venue_ns)))


_PAGE, _IDS, _BATCH = Shape(wire.Page), Shape(wire.Ids), Shape(wire.BatchPart)
_ORDER, _EXECUTION = Shape(wire.OrderRow), Shape(wire.ExecutionRow)
_POSITION, _WALLET = Shape(wire.PositionRow), Shape(wire.WalletRow)
_LEDGER, _INSTRUMENT = Shape(wire.LedgerRow), Shape(wire.InstrumentRow)
_TIER, _TICKER = Shape(wire.TierRow), Shape(wire.TickerRow)

_READERS: dict[str, Callable[[Request, Envelope], Reply]] = {
    "place": _processing,
    "amend": _processing,
    "cancel": _processing,
    "place_batch": _batch,
    "cancel_batch": _batch,
    "cancel_all": _cancel_all,
    "set_leverage": _set,
    "set_hedge_mode": _set,
    "set_margin_mode": _set,
    "server_time": _time,
    "query_order": _one_order,
    "query_history": _one_order,
    "open_orders": _orders,
    "fills": _fills,
    "positions": _positions,
    "position_settings": _position_settings,
    "balances": _balances,
    "account_info": _account_info,
    "ledger": _ledger,
    "instruments": _instruments,
    "tiers": _tiers,
    "key_info": _key_info,
    "marks": _marks,
}
