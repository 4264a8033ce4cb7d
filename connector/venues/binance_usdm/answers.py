"""Answers into replies: one reader per kind of request.

A 2xx answer that is not what was asked for proves nothing: UNKNOWN for a command.
A list with one unreadable row is refused as a whole where a missing row would be
taken for "is not there" (open orders, positions, fills); instruments are read one
by one, so that a broken one hides itself alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from connector.dialect.facts import Fact, KeyFact, OrderFact, SettingFact, TokenFact
from connector.dialect.wire import Host, HttpAnswer, Reply, Request, Verdict
from connector.model.credentials import Secret
from connector.model.ids import VenueOrderId
from connector.model.noun import replace
from connector.model.order import OrderStatus
from connector.venues.base import setting_facts
from connector.venues.binance_usdm import questions, rows
from connector.venues.binance_usdm.classify import classify
from connector.venues.binance_usdm.limits import (
    limits_fact,
    used_in_headers,
    used_in_rows,
)
from connector.venues.binance_usdm.wire_events import FrameAnswer, RateLimit
from connector.venues.json_rows import Row, parsed
from connector.venues.replies import (
    BROKEN,
    entries,
    excerpt,
    of_batch,
    ok,
    one_by_one,
    whole,
)
from connector.venues.verdicts import is_placing, unreadable

LISTEN_KEY_LIFETIME_S = 3600

_SUCCESS = 200

_decoder = msgspec.json.Decoder(FrameAnswer, strict=False, float_hook=Decimal)


def read_answer(request: Request, answer: HttpAnswer) -> Reply:
    """Classify and translate an HTTP answer; never raises."""
    told, text = _document(answer.body), excerpt(answer.body)
    error = told if isinstance(told, dict) and _code(told) is not None else None
    reply = _read(request, answer.status, told, error, text, answer.headers)
    if request.host is Host.KEY_INFO:
        # Another pool: its limits say nothing about ours.
        return replace(reply, throttle=None)
    used = used_in_headers(answer.headers)
    return replace(reply, used=used) if used else reply


def read_frame_reply(request: Request, raw: bytes) -> Reply:
    """The same for an answer of the WebSocket API, whose status stands inside."""
    try:
        answer = _decoder.decode(raw)
        error, used = answer.error, used_in_rows(answer.rate_limits)
        if error is not None and _code(error) is None:
            raise ValueError("an error without a code")
    except BROKEN:
        return whole(request, unreadable(request, excerpt(raw)))
    reply = _read(request, answer.status, answer.result, error, "", {})
    return replace(reply, used=used) if used else reply


def _document(raw: bytes) -> object:
    try:
        return parsed(raw)
    except BROKEN:
        return None


def _code(told: object) -> int | None:
    """The code of ``{"code": -2011, "msg": "..."}``, None if it is no such thing."""
    try:
        error = Row(told)
        error.text("msg", "")
        return error.integer("code")
    except BROKEN:
        return None


def _read(
    request: Request,
    status: int,
    told: object,
    error: object,
    text: str,
    headers: Mapping[str, str],
) -> Reply:
    code = None if error is None else _code(error)
    if 200 <= status < 300 and (code is None or code >= 0):
        try:
            return _understand(request, told)
        except BROKEN:
            return whole(request, unreadable(request, text))
    reply = classify(
        request,
        status=status,
        code=code,
        text=text if error is None else Row(error).text("msg", ""),
        headers=headers,
        until_ms=None if error is None else _until_ms(Row(error)),
    )
    if reply.verdict is Verdict.UNCHANGED:
        reply = replace(reply, facts=setting_facts(request))
    return whole(request, reply)


def _until_ms(error: Row) -> int | None:
    """The venue's time from which calls are allowed again; the WebSocket API tells it
    over a limit, as its spot page shows."""
    try:
        return error.row("data").millis("retryAfter", 0) or None
    except BROKEN:
        return None


# --- one reader per request -----------------------------------------------------


def _understand(request: Request, told: object) -> Reply:
    op = request.op
    if op in _LISTS:
        return _listed(request, told)
    if op.endswith("_batch"):
        return _batch(request, told)
    row = Row(told)
    if op in _OBJECTS:
        fact = _OBJECTS[op](row)
        if is_placing(op):
            assert isinstance(fact, OrderFact), "it made an order"
            _check_name(fact, request.client_order_id)
        return ok(fact)
    match op:
        case "account":
            return ok(*rows.account_facts(row))
        case "instruments":
            facts = one_by_one(row.items("symbols"), _instrument, "instrument")
            told_limits = row.value("rateLimits") or []
            limits = limits_fact(msgspec.convert(told_limits, list[RateLimit]))
            return ok(*facts, *([limits] if limits else []))
        case "server_time":
            return Reply(verdict=Verdict.OK, server_ms=row.millis("serverTime"))
        case "cancel_conditional":
            return _cancelled(request, row)
        case "dead_man":
            row.integer("countdownTime")
            return ok()
        case "listen_key_start" | "listen_key_keepalive":
            if not (key := row.told("listenKey")):
                return ok()
            life_s = LISTEN_KEY_LIFETIME_S
            return ok(TokenFact(token=Secret(key), lifetime_s=life_s))
    if row.integer("code") != _SUCCESS:
        raise ValueError("neither done nor refused")
    return ok(*setting_facts(request))


def _listed(request: Request, told: object) -> Reply:
    """Rows; where one symbol was meant, a documented variant is a bare object."""
    if isinstance(told, dict) and request.op in ("brackets", "marks"):
        told = [told]
    if not isinstance(told, list):
        raise ValueError("not a list")
    page = [Row(item) for item in told]
    facts = [_LISTS[request.op](row) for row in page]
    following = _FOLLOWING.get(request.op)
    return ok(*facts, next_request=following(request, page) if following else None)


def _cancelled(request: Request, row: Row) -> Reply:
    """The answer has neither time nor state: being cancelled is all it says."""
    if row.integer("code") != _SUCCESS:
        raise ValueError("not cancelled")
    assert request.symbol is not None
    fact = OrderFact(
        symbol=request.symbol,
        venue_order_id=VenueOrderId(str(row.integer("algoId"))),
        client_order_id=row.client_id("clientAlgoId"),
        status=OrderStatus.CANCELED,
        venue_ns=0,
        is_conditional=True,
    )
    return ok(fact)


def _batch(request: Request, told: object) -> Reply:
    """One item per entry, in request order; a missing or broken one is unknown."""
    if not isinstance(told, list):
        raise ValueError("not a list")

    def read(index: int, name: str) -> Reply:
        return _entry(request, told[index], name)

    return of_batch(entries(request, len(told), read))


def _entry(request: Request, told: object, client_order_id: str) -> Reply:
    try:
        row = Row(told)
        if row.has("code"):
            code, text = row.integer("code"), row.text("msg", "")
            return classify(request, status=400, code=code, text=text, headers={})
        fact = rows.order_fact(row)
        if is_placing(request.op):
            _check_name(fact, client_order_id)
        return ok(fact)
    except BROKEN:
        return unreadable(
            request, "an entry of a batch that is not the order asked for"
        )


def _check_name(fact: OrderFact, asked: str | None) -> None:
    if fact.client_order_id != asked:
        raise ValueError("the answer speaks of another order")


def _amended(row: Row) -> Fact:
    return replace(rows.order_fact(row), is_amend=True)


def _instrument(item: object) -> Fact:
    return rows.instrument_fact(Row(item))


def _leverage(row: Row) -> Fact:
    return SettingFact(symbol=row.symbol("symbol"), leverage=row.integer("leverage"))


def _account_config(row: Row) -> Fact:
    return SettingFact(
        is_hedge_mode=row.flag("dualSidePosition"),
        is_multi_asset=row.flag("multiAssetsMargin"),
        can_trade=row.flag("canTrade"),
    )


def _key_info(row: Row) -> Fact:
    return KeyFact(
        can_trade=row.flag("enableFutures"),
        can_withdraw=row.flag("enableWithdrawals"),
        is_ip_bound=row.flag("ipRestrict"),
    )


_OBJECTS: dict[str, Callable[[Row], Fact]] = {
    "place": rows.order_fact,
    "place_conditional": rows.algo_fact,
    "amend": _amended,
    "cancel": rows.order_fact,
    "query_order": rows.order_fact,
    "query_conditional": rows.algo_fact,
    "set_leverage": _leverage,
    "account_config": _account_config,
    "key_info": _key_info,
}
_LISTS: dict[str, Callable[[Row], Fact]] = {
    "open_orders": rows.order_fact,
    "open_conditionals": rows.algo_fact,
    "fills": rows.trade_fact,
    "positions": rows.position_fact,
    "symbol_config": rows.symbol_setting,
    "ledger": rows.income_fact,
    "brackets": rows.bracket_fact,
    "marks": rows.mark_fact,
}
_FOLLOWING = {"fills": questions.next_fills, "ledger": questions.next_income}
