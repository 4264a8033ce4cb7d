"""Frames into facts: one parse per frame, straight from the bytes.

    pong                              the answer to our ping, no JSON
    {"arg": {"channel"...}, "data"}   a push
    {"event": ...}                    about the connection
    {"id", "op", "code", "data"}      an answer of order entry

Nothing here raises for what the venue sent. A channel we do not know is an addition
and no gap; one we know that cannot be read, or bytes that are nothing of the above,
may have been a state change and are one.

Source: "WebSocket" pages of the API v5 documentation, read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
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
from connector.venues.okx_v5 import codes, rows, wire, words
from connector.venues.okx_v5.sign import LOGIN
from connector.venues.okx_v5.wire import Shape

RAW_MAX = 4096

_CHANNEL = re.compile(rb'"channel"\s*:\s*"([a-z_-]{1,40})"')
_BROKEN = (ValueError, KeyError, ArithmeticError, RecursionError)
_HEAD = Shape(wire.Head)
# A refused request is quoted in the refusal, a login with its passphrase.
_SECRET = re.compile(r'(\\?"(?:passphrase|sign|apiKey)\\?"\s*:\s*\\?")[^"\\]*')


def read_frame(raw: bytes) -> tuple[Fact, ...]:
    """The facts of one frame of any socket; never raises."""
    if raw == b"pong":
        return (ControlFact(kind=ControlKind.PONG),)
    if b'"event"' not in raw:
        peeked = _CHANNEL.search(raw)
        if peeked is not None:
            return _push(peeked[1].decode("ascii"), raw)
    try:
        head: wire.Head = _HEAD.of_bytes(raw)
    except _BROKEN:
        return (_unknown("", raw, is_gap=True),)
    if head.event:
        return _event(head, raw)
    if head.op and head.id:
        return (FrameReply(frame_id=head.id, raw=raw),)
    return (_unknown(head.op, raw, is_gap=True),)


def _push(name: str, raw: bytes) -> tuple[Fact, ...]:
    channel = _CHANNELS.get(name)
    if channel is None:
        return (_unknown(name, raw, is_gap=False),)
    try:
        facts: list[Fact] = []
        for row in channel.shape.of_bytes(raw).data:
            if getattr(row, "inst_type", "SWAP") in words.KINDS:
                facts += channel.translate(row)
            else:
                # Spot, margin and options are told, and traded elsewhere.
                facts.append(UnknownFact(kind=f"{name} {row.inst_type}", raw=""))
    except _BROKEN:
        return (_unknown(name, raw, is_gap=channel.is_state),)
    return tuple(facts)


def _event(head: wire.Head, raw: bytes) -> tuple[Fact, ...]:
    channel = head.channel or str(head.arg.get("channel", ""))
    match head.event:
        case "login":
            return (ControlFact(kind=ControlKind.ACK, ref=LOGIN),)
        case "subscribe":
            return (ControlFact(kind=ControlKind.ACK, ref=channel),)
        case "unsubscribe" | "channel-conn-count":
            return ()
        case "channel-conn-count-error":
            kind = ControlKind.SUBSCRIPTION_LOST
            return (ControlFact(kind=kind, ref=channel, text="too many connections"),)
        case "notice" if head.code == str(codes.SERVICE_UPGRADE):
            return (ControlFact(kind=ControlKind.RESTART_NOTICE, text=head.msg),)
        case "error":
            text = _SECRET.sub(r"\1**********", head.msg)
            return (
                ControlFact(
                    kind=ControlKind.REFUSED, ref=head.id, code=head.code, text=text
                ),
            )
    return (_unknown(head.event, raw, is_gap=False),)


def _unknown(kind: str, raw: bytes, *, is_gap: bool) -> UnknownFact:
    text = raw[:RAW_MAX].decode("utf-8", "replace")
    return UnknownFact(kind=kind, raw=_SECRET.sub(r"\1**********", text), is_gap=is_gap)


def _hint(row: wire.FillPush) -> list[Fact]:
    return [rows.fill_hint(row)] if row.count in ("", "1") else []


def _warning(row: wire.PositionRow) -> list[Fact]:
    return [
        RiskFact(
            text=f"{row.inst_id} {row.pos}: margin ratio {row.mgn_ratio}",
            venue_ns=row.u_time * NS_PER_MS,
            symbols=(Symbol(row.inst_id),),
        )
    ]


@dataclass(frozen=True, slots=True)
class _Channel:
    """How the rows of one channel are validated and translated."""

    shape: Shape
    translate: Callable[[Any], list[Fact]]
    is_state: bool


def _channel(
    model: Any, translate: Callable[[Any], list[Fact]], *, is_state: bool = True
) -> _Channel:
    push: Any = wire.Push
    return _Channel(Shape(push[model]), translate, is_state)


_CHANNELS: dict[str, _Channel] = {
    "orders": _channel(wire.OrderPush, rows.push_facts),
    "orders-algo": _channel(wire.AlgoRow, lambda row: [rows.algo_fact(row)]),
    "algo-advance": _channel(wire.AlgoRow, lambda row: [rows.algo_fact(row)]),
    "fills": _channel(wire.FillPush, _hint, is_state=False),
    "positions": _channel(wire.PositionRow, lambda row: [rows.position_fact(row)]),
    "account": _channel(wire.AccountRow, rows.account_facts),
    "balance_and_position": _channel(wire.BalancePositionRow, rows.change_facts),
    "liquidation-warning": _channel(wire.PositionRow, _warning, is_state=False),
    "mark-price": _channel(
        wire.MarkRow, lambda row: [rows.mark_fact(row)], is_state=False
    ),
}
