"""Answers into replies: one reader per kind of request, validated from the bytes.

A 2xx answer that is not what was asked for proves nothing: UNKNOWN for a command.
A list with one unreadable row is refused as a whole where a missing row would be
taken for "is not there" (open orders, positions, fills); instruments are read one
by one, so that a broken one hides itself alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connector.dialect.facts import (
    AccountFact,
    Fact,
    KeyFact,
    OrderFact,
    SettingFact,
    TokenFact,
)
from connector.dialect.wire import Host, HttpAnswer, Reply, Request, Verdict
from connector.model.clock import NS_PER_MS
from connector.model.credentials import Secret
from connector.model.ids import Symbol
from connector.model.noun import replace
from connector.model.order import OrderStatus
from connector.venues.base import setting_facts
from connector.venues.binance_usdm import questions, rows, wire, wire_frames
from connector.venues.binance_usdm.classify import classify
from connector.venues.binance_usdm.limits import (
    limits_fact,
    used_in_headers,
    used_in_rows,
)
from connector.venues.binance_usdm.wire import Shape, VenueError
from connector.venues.replies import BROKEN, entries, excerpt, ok, one_by_one, whole
from connector.venues.verdicts import unreadable

LISTEN_KEY_LIFETIME_S = 3600

_SUCCESS = 200


def read_answer(request: Request, answer: HttpAnswer) -> Reply:
    """Classify and translate an HTTP answer; never raises."""
    reply = _read_http(request, answer)
    if request.host is Host.KEY_INFO:
        # Another pool: its limits say nothing about ours.
        return replace(reply, throttle=None)
    used = used_in_headers(answer.headers)
    return replace(reply, used=used) if used else reply


def read_frame_reply(request: Request, raw: bytes) -> Reply:
    """The same for an answer of the WebSocket API, whose status stands inside."""
    try:
        answer = wire_frames.answer_of(raw)
        error = answer.error
    except BROKEN:
        return whole(request, unreadable(request, excerpt(raw)))
    used = used_in_rows(answer.rate_limits)
    if error is None and 200 <= answer.status < 300:
        result = bytes(answer.result)
        reply = _understand(request, lambda shape: shape.of_bytes(result), "")
    else:
        reply = _failure(request, answer.status, error, "", {})
    return replace(reply, used=used) if used else reply


def _read_http(request: Request, answer: HttpAnswer) -> Reply:
    error = _error_in(answer.body)
    if 200 <= answer.status < 300 and (error is None or error.code >= 0):
        reader = _READERS[request.op]
        if reader.exact:
            return _understand(
                request,
                lambda shape: shape.of_object(
                    json.loads(answer.body, parse_float=Decimal)
                ),
                excerpt(answer.body),
            )
        return _understand(
            request,
            lambda shape: shape.of_bytes(answer.body),
            excerpt(answer.body),
        )
    return _failure(request, answer.status, error, excerpt(answer.body), answer.headers)


def _understand(
    request: Request, validate: Callable[[Shape], Any], excerpt: str
) -> Reply:
    reader = _READERS[request.op]
    try:
        return reader.translate(request, validate(reader.shape))
    except BROKEN:
        return whole(request, unreadable(request, excerpt))


def _failure(
    request: Request,
    status: int,
    error: VenueError | None,
    excerpt: str,
    headers: Mapping[str, str],
) -> Reply:
    reply = classify(
        request,
        status=status,
        code=error.code if error else None,
        text=error.msg if error else excerpt,
        headers=headers,
        until_ms=error.until_ms if error else None,
    )
    if reply.verdict is Verdict.UNCHANGED:
        reply = replace(reply, facts=setting_facts(request))
    return whole(request, reply)


def _error_in(body: bytes) -> VenueError | None:
    """``{"code", "msg"}``; arrays and long answers are none, and not parsed."""
    if len(body) > 65_536 or body.lstrip()[:1] != b"{":
        return None
    try:
        return VenueError.model_validate_json(body)
    except BROKEN:
        return None


# --- one reader per request -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Reader:
    """*exact*: the answer has JSON numbers that must not become floats."""

    shape: Shape
    translate: Callable[[Request, Any], Reply]
    exact: bool = False


def _placed(request: Request, row: wire.OrderRow) -> Reply:
    return _of_this_order(request, rows.order_fact(row))


def _algo_placed(request: Request, row: wire.AlgoRow) -> Reply:
    return _of_this_order(request, rows.algo_fact(row))


def _of_this_order(request: Request, fact: OrderFact) -> Reply:
    if fact.client_order_id != request.client_order_id:
        raise ValueError("the answer speaks of another order")
    return ok(fact)


def _order(request: Request, row: wire.OrderRow) -> Reply:
    return ok(rows.order_fact(row))


def _amended(request: Request, row: wire.OrderRow) -> Reply:
    return ok(replace(rows.order_fact(row), is_amend=True))


def _algo(request: Request, row: wire.AlgoRow) -> Reply:
    return ok(rows.algo_fact(row))


def _algo_cancelled(request: Request, row: wire.AlgoCancelled) -> Reply:
    """The answer has neither time nor state: being cancelled is all it says."""
    if row.code != _SUCCESS:
        raise ValueError("not cancelled")
    assert request.symbol is not None
    return ok(
        OrderFact(
            symbol=request.symbol,
            venue_order_id=rows.venue_id(row.algo_id),
            client_order_id=rows.client_id(row.client_algo_id),
            status=OrderStatus.CANCELED,
            venue_ns=0,
            is_conditional=True,
        )
    )


def _batch(request: Request, page: list[Any]) -> Reply:
    """One item per entry, in request order; a missing or broken one is unknown."""
    checks_ids = request.op == "place_batch"

    def read(index: int, name: str) -> Reply:
        return _batch_item(request, page[index], name if checks_ids else None)

    items = entries(request, len(page), read)
    facts = tuple(fact for item in items for fact in item.facts)
    return Reply(verdict=Verdict.OK, items=items, facts=facts)


def _batch_item(request: Request, entry: Any, client_order_id: str | None) -> Reply:
    try:
        if isinstance(entry, dict) and "code" in entry:
            error = VenueError.model_validate(entry)
            return classify(
                request, status=400, code=error.code, text=error.msg, headers={}
            )
        fact = rows.order_fact(wire.OrderRow.model_validate(entry))
    except BROKEN:
        return unreadable(request, "an entry of a batch that is no order")
    if client_order_id is not None and fact.client_order_id != client_order_id:
        return unreadable(request, "the entry speaks of another order")
    return ok(fact)


def _done(request: Request, answer: VenueError) -> Reply:
    if answer.code != _SUCCESS:
        raise ValueError("neither done nor refused")
    return ok(*setting_facts(request))


def _leverage(request: Request, row: wire.LeverageSet) -> Reply:
    return ok(SettingFact(symbol=Symbol(row.symbol), leverage=row.leverage))


def _armed(request: Request, row: wire.Countdown) -> Reply:
    return ok()


def _time(request: Request, row: wire.ServerTime) -> Reply:
    return Reply(verdict=Verdict.OK, server_ms=row.server_time)


def _orders(request: Request, page: list[wire.OrderRow]) -> Reply:
    return ok(*(rows.order_fact(row) for row in page))


def _algos(request: Request, page: list[wire.AlgoRow]) -> Reply:
    return ok(*(rows.algo_fact(row) for row in page))


def _fills(request: Request, page: list[wire.TradeRow]) -> Reply:
    return ok(
        *(rows.trade_fact(row) for row in page),
        next_request=questions.next_fills(request, page),
    )


def _positions(request: Request, page: list[wire.PositionRisk]) -> Reply:
    return ok(*(rows.position_fact(row) for row in page))


def _account(request: Request, account: wire.Account) -> Reply:
    totals = {
        name: value
        for name, value in (account.model_extra or {}).items()
        if isinstance(value, str)
    }
    venue_ns = max((asset.update_time for asset in account.assets), default=0)
    return ok(
        *(rows.balance_fact(asset) for asset in account.assets),
        AccountFact(venue_ns=venue_ns * NS_PER_MS, fields=totals),
    )


def _account_config(request: Request, config: wire.AccountConfig) -> Reply:
    return ok(
        SettingFact(
            is_hedge_mode=config.dual_side_position,
            is_multi_asset=config.multi_assets_margin,
            can_trade=config.can_trade,
        )
    )


def _symbol_configs(request: Request, page: list[wire.SymbolConfig]) -> Reply:
    return ok(*(rows.symbol_setting(row) for row in page))


def _ledger(request: Request, page: list[wire.IncomeRow]) -> Reply:
    return ok(
        *(rows.income_fact(row) for row in page),
        next_request=questions.next_income(request, page),
    )


def _instruments(request: Request, info: wire.ExchangeInfo) -> Reply:
    def rules_of(raw: Any) -> Fact:
        return rows.instrument_fact(wire.SymbolInfo.model_validate(raw))

    facts = one_by_one(info.symbols, rules_of, "instrument")
    limits = limits_fact(info.rate_limits)
    if limits is not None:
        facts.append(limits)
    return ok(*facts)


def _brackets(
    request: Request, answer: list[wire.SymbolBrackets] | wire.SymbolBrackets
) -> Reply:
    """An array, or in one documented variant a bare object for one symbol."""
    page = [answer] if isinstance(answer, wire.SymbolBrackets) else answer
    return ok(*(rows.bracket_fact(row) for row in page))


def _key_info(request: Request, row: wire.KeyRestrictions) -> Reply:
    return ok(
        KeyFact(
            can_trade=row.enable_futures,
            can_withdraw=row.enable_withdrawals,
            is_ip_bound=row.ip_restrict,
        )
    )


def _marks(
    request: Request, answer: list[wire.PremiumIndex] | wire.PremiumIndex
) -> Reply:
    page = [answer] if isinstance(answer, wire.PremiumIndex) else answer
    return ok(*(rows.mark_fact(row) for row in page))


def _listen_key(request: Request, row: wire.ListenKey) -> Reply:
    if not row.listen_key:
        return ok()
    return ok(TokenFact(token=Secret(row.listen_key), lifetime_s=LISTEN_KEY_LIFETIME_S))


def _reader(
    model: Any, translate: Callable[[Request, Any], Reply], *, exact: bool = False
) -> _Reader:
    return _Reader(Shape(model), translate, exact)


_READERS: dict[str, _Reader] = {
    "place": _reader(wire.OrderRow, _placed),
    "place_conditional": _reader(wire.AlgoRow, _algo_placed),
    "place_batch": _reader(list[Any], _batch),
    "amend": _reader(wire.OrderRow, _amended),
    "cancel": _reader(wire.OrderRow, _order),
    "cancel_conditional": _reader(wire.AlgoCancelled, _algo_cancelled),
    "cancel_batch": _reader(list[Any], _batch),
    "cancel_all": _reader(VenueError, _done),
    "cancel_all_conditional": _reader(VenueError, _done),
    "set_leverage": _reader(wire.LeverageSet, _leverage),
    "set_margin_mode": _reader(VenueError, _done),
    "set_hedge_mode": _reader(VenueError, _done),
    "dead_man": _reader(wire.Countdown, _armed),
    "server_time": _reader(wire.ServerTime, _time),
    "query_order": _reader(wire.OrderRow, _order),
    "query_conditional": _reader(wire.AlgoRow, _algo),
    "fills": _reader(list[wire.TradeRow], _fills),
    "open_orders": _reader(list[wire.OrderRow], _orders),
    "open_conditionals": _reader(list[wire.AlgoRow], _algos),
    "positions": _reader(list[wire.PositionRisk], _positions),
    "account": _reader(wire.Account, _account),
    "account_config": _reader(wire.AccountConfig, _account_config),
    "symbol_config": _reader(list[wire.SymbolConfig], _symbol_configs),
    "ledger": _reader(list[wire.IncomeRow], _ledger),
    "instruments": _reader(wire.ExchangeInfo, _instruments),
    "brackets": _reader(
        list[wire.SymbolBrackets] | wire.SymbolBrackets, _brackets, exact=True
    ),
    "key_info": _reader(wire.KeyRestrictions, _key_info),
    "marks": _reader(list[wire.PremiumIndex] | wire.PremiumIndex, _marks),
    "listen_key_start": _reader(wire.ListenKey, _listen_key),
    "listen_key_keepalive": _reader(wire.ListenKey, _listen_key),
}
