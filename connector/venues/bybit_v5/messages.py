"""Pushed frames into facts; nothing here raises for what the venue sent.

A topic we do not know is an addition to the wire and no gap; one we know that
cannot be read, or bytes that are neither, may have been a state change and are one.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from connector.dialect.facts import (
    ControlKind,
    Fact,
    FrameReply,
    UnknownFact,
)
from connector.venues.bybit_v5 import classify, rows
from connector.venues.bybit_v5.sign import FRAME_MARK
from connector.venues.json_rows import Row
from connector.venues.replies import BROKEN, control, unknown

_TOPIC = re.compile(rb'"topic"\s*:\s*"([A-Za-z0-9_.:-]{1,80})"')
_PUBLIC = "tickers"


def read_frame(raw: bytes) -> tuple[Fact, ...]:
    """The facts of one frame of any stream."""
    peeked = _TOPIC.search(raw)
    if peeked is None:
        return _control(raw)
    topic = peeked[1].decode("ascii")
    base = topic.partition(".")[0]
    translate = _TOPICS.get("execution.fast" if ".fast" in topic else base)
    if translate is None:
        return (unknown(topic, raw, is_gap=False),)
    try:
        message = Row.of_bytes(raw)
        if base == _PUBLIC:
            return rows.mark_facts(message.row("data"), message.nanos("ts"))
        told: list[Fact] = []
        for row in message.rows("data"):
            if rows.is_ours(row):
                told += translate(row, message)
            else:  # spot, options, inverse: not this venue's, and no gap in it
                kind = f"category {row.text('category')}"
                told.append(UnknownFact(kind=kind, raw=str(row)))
        return tuple(told)
    except BROKEN:
        return (unknown(topic, raw, is_gap=base != _PUBLIC),)


def _control(raw: bytes) -> tuple[Fact, ...]:
    """Frames about the connection: one spelling per socket."""
    try:
        frame = Row.of_bytes(raw)
        op, success = frame.text("op", ""), frame.flag("success")
        code = frame.integer("retCode") if frame.has("retCode") else None
        text = frame.text("retMsg", "") or frame.text("ret_msg", "")
        ref = frame.text("reqId", "") or frame.text("req_id", "") or op
    except BROKEN:
        return (unknown("", raw, is_gap=True),)
    if op == "pong" or (op == "ping" and text == "pong"):
        return control(ControlKind.PONG)
    if op.startswith("order."):
        reply = FrameReply(frame_id=ref.partition(FRAME_MARK)[0], raw=raw)
        if code == classify.SERVICE_RESTARTS:
            return (reply, *control(ControlKind.RESTART_NOTICE))
        return (reply,)
    if success is None and code is None:
        return (unknown(op, raw, is_gap=not op),)
    if success or code == 0:
        return control(ControlKind.ACK, ref)
    told = "" if code is None else str(code)
    return control(ControlKind.REFUSED, ref, told, text)


_TOPICS: dict[str, Callable[[Row, Row], tuple[Fact, ...]]] = {
    "order": lambda row, _: (rows.order_fact(row),),
    "execution": lambda row, _: (rows.execution_fact(row),),
    "execution.fast": lambda row, _: (rows.execution_fact(row, is_hint=True),),
    "position": lambda row, _: rows.position_facts(row),
    "greeks": lambda row, m: rows.greeks_facts(row, m.nanos("creationTime")),
    "wallet": lambda row, m: rows.wallet_facts(row, m.nanos("creationTime")),
    _PUBLIC: lambda row, _: (),
}
