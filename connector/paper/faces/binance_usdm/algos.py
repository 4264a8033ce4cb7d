"""Algo endpoints: conditional orders, which live outside the book until triggered.

Source: Binance USDⓈ-M docs, "Algo Order" pages and change log of 2025-12, read
2026-11. There is no margin check before the trigger and no amending.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from connector.paper.faces.binance_usdm.apierrors import ApiError
from connector.paper.faces.binance_usdm.context import Ask, refuse
from connector.paper.faces.binance_usdm.order_requests import read_new_algo
from connector.paper.faces.binance_usdm.orders import (
    DAY_MS,
    DONE,
    Span,
    check_matching_window,
    generated_id,
    time_span,
)
from connector.paper.types import Conditional, Refusal


def place(ask: Ask) -> dict[str, Any]:
    """POST algoOrder."""
    request = read_new_algo(ask)
    check_matching_window(ask)
    if request.client_order_id is None:
        request = replace(request, client_order_id=generated_id(ask))
    algo = ask.engine.place_conditional(ask.account_id, request, now_ms=ask.engine_ms)
    if isinstance(algo, Refusal):
        refuse(algo, instrument=ask.venue.instrument(request.symbol))
    return ask.venue.renderer.algo_answer(algo)


def place_by_socket(ask: Ask) -> object:
    """algoOrder.place: the fields of trailing stops only where they are used."""
    answer = place(ask)
    if not answer["callbackRate"]:
        del answer["activatePrice"], answer["callbackRate"]
    return answer


def find(ask: Ask, *, code: int, live: bool) -> Conditional:
    """The algo order named by algoId (which wins) or clientAlgoId."""
    engine = ask.engine if live else ask.reads
    algo_id = ask.params.integer("algoId")
    client_id = ask.params.text("clientAlgoId")
    if algo_id is None and client_id is None:
        raise ApiError(
            -1102,
            "Param 'algoId' or 'clientAlgoId' must be sent, but both were empty/null!",
        )
    if algo_id is not None:
        algo = engine.conditional(ask.account_id, algo_id)
    else:
        assert client_id is not None
        algo = engine.conditional_by_client_id(ask.account_id, client_id)
    if algo is None:
        raise ApiError(code)
    return algo


def cancel(ask: Ask) -> object:
    """DELETE algoOrder, algoOrder.cancel."""
    algo = find(ask, code=-2011, live=True)
    gone = ask.engine.cancel_conditional(
        ask.account_id, algo.conditional_id, now_ms=ask.engine_ms
    )
    if isinstance(gone, Refusal):
        refuse(gone)
    return {
        "algoId": gone.conditional_id,
        "clientAlgoId": gone.client_order_id,
        "code": "200",
        "msg": "success",
    }


def cancel_all(ask: Ask) -> object:
    """DELETE algoOpenOrders: conditional orders of one symbol."""
    ask.engine.cancel_all_conditional(
        ask.account_id, ask.symbol(), now_ms=ask.engine_ms
    )
    return dict(DONE)


def query(ask: Ask) -> object:
    """GET algoOrder."""
    return ask.venue.renderer.algo_query(find(ask, code=-2013, live=False))


def list_open(ask: Ask) -> object:
    """GET openAlgoOrders."""
    rows = ask.reads.open_conditionals(ask.account_id, ask.symbol_or_none())
    algo_id = ask.params.integer("algoId")
    return [
        ask.venue.renderer.algo_query(algo)
        for algo in rows
        if algo_id is None or algo.conditional_id == algo_id
    ]


def list_all(ask: Ask) -> object:
    """GET allAlgoOrders: by id from one on, or by time."""
    symbol = ask.symbol()
    from_id = ask.params.integer("algoId")
    span = Span(None, None) if from_id is not None else time_span(ask, 7 * DAY_MS)
    rows = ask.reads.conditionals(
        ask.account_id,
        symbol=symbol,
        from_id=from_id,
        start_ms=span.start_ms,
        end_ms=span.end_ms,
        limit=ask.params.limit(500, 1000),
    )
    return [
        ask.venue.renderer.algo_query(algo)
        for algo in rows
        if algo.created_ms >= span.floor_ms
    ]
