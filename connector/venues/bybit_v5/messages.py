"""Pushed frames into facts; nothing here raises for what the venue sent.

A topic we do not know is an addition to the wire and no gap; one we know that
cannot be read, or bytes that are neither, may have been a state change and are one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from connector.dialect.facts import (
    ControlFact,
    ControlKind,
    Fact,
    FrameReply,
    RiskFact,
    UnknownFact,
)
from connector.model.clock import NS_PER_MS
from connector.model.ids import Symbol
from connector.venues.bybit_v5 import codes, rows, wire
from connector.venues.bybit_v5.sign import FRAME_MARK
from connector.venues.bybit_v5.wire import Shape

RAW_MAX = 4096
BROKEN = (ValueError, KeyError, ArithmeticError, RecursionError)

_TOPIC = re.compile(rb'"topic"\s*:\s*"([A-Za-z0-9_.:-]{1,80})"')
_IN_TROUBLE = frozenset(("Liq", "Adl"))


def read_frame(raw: bytes) -> tuple[Fact, ...]:
    """The facts of one frame of any stream."""
    peeked = _TOPIC.search(raw)
    if peeked is None:
        return _control(raw)
    topic = peeked[1].decode("ascii")
    base = topic.partition(".")[0]
    if base not in _TOPICS or topic == "execution.fast":
        return () if base == "greeks" else (_unknown(topic, raw, is_gap=False),)
    shape, translate = _TOPICS[base]
    try:
        return translate(shape.of_bytes(raw))
    except BROKEN:
        return (_unknown(topic, raw, is_gap=base != "tickers"),)


def _unknown(kind: str, raw: bytes, *, is_gap: bool) -> UnknownFact:
    text = raw[:RAW_MAX].decode("utf-8", "replace")
    return UnknownFact(kind=kind, raw=text, is_gap=is_gap)


def _orders(message: wire.Orders) -> tuple[Fact, ...]:
    return tuple(
        rows.order_fact(row) if rows.is_ours(row.category) else _foreign(row)
        for row in message.data
    )


def _executions(message: wire.Executions) -> tuple[Fact, ...]:
    return tuple(
        rows.execution_fact(row) if rows.is_ours(row.category) else _foreign(row)
        for row in message.data
    )


def _foreign(row: wire.OrderRow | wire.ExecutionRow | wire.PositionRow) -> UnknownFact:
    """Spot, options, inverse: not this venue's, and no gap in it."""
    return UnknownFact(kind=f"category {row.category}", raw=row.model_dump_json())


def _positions(message: wire.Positions) -> tuple[Fact, ...]:
    facts: list[Fact] = []
    for row in message.data:
        if not rows.is_ours(row.category):
            facts.append(_foreign(row))
            continue
        facts.append(rows.position_fact(row))
        if row.position_status in _IN_TROUBLE:
            facts.append(
                RiskFact(
                    text=f"{row.symbol} is in {row.position_status}",
                    venue_ns=row.updated_time * NS_PER_MS,
                    symbols=(Symbol(row.symbol),),
                )
            )
    return tuple(facts)


def _wallets(message: wire.Wallets) -> tuple[Fact, ...]:
    venue_ns = message.creation_time * NS_PER_MS
    return tuple(f for row in message.data for f in rows.wallet_facts(row, venue_ns))


def _ticker(message: wire.Ticker) -> tuple[Fact, ...]:
    return rows.mark_facts(message.data, message.creation_time * NS_PER_MS)


def _control(raw: bytes) -> tuple[Fact, ...]:
    try:
        frame = wire.Control.model_validate_json(raw)
    except BROKEN:
        return (_unknown("", raw, is_gap=True),)
    text = frame.text or ""
    if frame.op == "pong" or (frame.op == "ping" and text == "pong"):
        return (ControlFact(kind=ControlKind.PONG),)
    ref = frame.request_id or frame.op
    if frame.op.startswith("order."):
        reply = FrameReply(frame_id=ref.partition(FRAME_MARK)[0], raw=raw)
        if frame.code == codes.SERVICE_RESTARTS:
            return (reply, ControlFact(kind=ControlKind.RESTART_NOTICE))
        return (reply,)
    if frame.success is None and frame.code is None:
        return (_unknown(frame.op, raw, is_gap=not frame.op),)
    if frame.success or frame.code == 0:
        return (ControlFact(kind=ControlKind.ACK, ref=ref),)
    code = "" if frame.code is None else str(frame.code)
    return (ControlFact(kind=ControlKind.REFUSED, ref=ref, code=code, text=text),)


_TOPICS: dict[str, tuple[Shape, Callable[[Any], tuple[Fact, ...]]]] = {
    "order": (Shape(wire.Orders), _orders),
    "execution": (Shape(wire.Executions), _executions),
    "position": (Shape(wire.Positions), _positions),
    "wallet": (Shape(wire.Wallets), _wallets),
    "tickers": (Shape(wire.Ticker), _ticker),
}
