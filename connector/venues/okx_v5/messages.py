"""Frames into facts: one parse per frame.

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

from connector.dialect.facts import ControlKind, Fact, FrameReply, UnknownFact
from connector.model.noun import replace
from connector.venues.json_rows import Row
from connector.venues.okx_v5 import rows
from connector.venues.okx_v5.classify import SERVICE_UPGRADE
from connector.venues.okx_v5.sign import LOGIN
from connector.venues.replies import BROKEN, control, unknown

_CHANNEL = re.compile(rb'"channel"\s*:\s*"([a-z_-]{1,40})"')
# A refused request is quoted in the refusal, a login with its passphrase.
_SECRET = re.compile(r'(\\?"(?:passphrase|sign|apiKey)\\?"\s*:\s*\\?")[^"\\]*')


def read_frame(raw: bytes) -> tuple[Fact, ...]:
    """The facts of one frame of any socket; never raises."""
    if raw == b"pong":
        return control(ControlKind.PONG)
    if b'"event"' not in raw:
        peeked = _CHANNEL.search(raw)
        if peeked is not None:
            return _push(peeked[1].decode("ascii"), raw)
    try:
        head = Row.of_bytes(raw)
        event, op, name = (head.text(key, "") for key in ("event", "op", "id"))
        if event:
            return _event(event, name, head, raw)
    except BROKEN:
        return (_unknown("", raw, is_gap=True),)
    if op and name:
        return (FrameReply(frame_id=name, raw=raw),)
    return (_unknown(op, raw, is_gap=True),)


def _push(name: str, raw: bytes) -> tuple[Fact, ...]:
    translate = _CHANNELS.get(name)
    if translate is None:
        return (_unknown(name, raw, is_gap=False),)
    facts: list[Fact] = []
    try:
        for row in Row.of_bytes(raw).rows("data"):
            if rows.is_ours(row):
                facts += translate(row)
            else:  # spot, margin and options are told, and traded elsewhere
                facts.append(UnknownFact(kind=f"{name} {row.text('instType')}", raw=""))
    except BROKEN:
        return (_unknown(name, raw, is_gap=name not in _STATELESS),)
    return tuple(facts)


def channel_ref(arg: Row) -> str:
    """What an acknowledgement is known by: a channel, and an instrument if it has."""
    return f"{arg.text('channel', '')} {arg.text('instId', '')}".strip()


def _event(event: str, name: str, head: Row, raw: bytes) -> tuple[Fact, ...]:
    ref = head.text("channel", "") or channel_ref(head.row("arg"))
    code, text = (
        head.text("code", ""),
        _SECRET.sub(r"\1**********", head.text("msg", "")),
    )
    match event:
        case "login":
            return control(ControlKind.ACK, LOGIN)
        case "subscribe":
            return control(ControlKind.ACK, ref)
        case "unsubscribe" | "channel-conn-count":
            return ()
        case "channel-conn-count-error":
            kind = ControlKind.SUBSCRIPTION_LOST
            return control(kind, ref, text="too many connections")
        case "notice" if code == str(SERVICE_UPGRADE):
            return control(ControlKind.RESTART_NOTICE, text=text)
        case "error":
            return control(ControlKind.REFUSED, name, code, text)
    return (_unknown(event, raw, is_gap=False),)


def _unknown(kind: str, raw: bytes, *, is_gap: bool) -> UnknownFact:
    fact = unknown(kind, raw, is_gap=is_gap)
    return replace(fact, raw=_SECRET.sub(r"\1**********", fact.raw))


_STATELESS = frozenset(("fills", "liquidation-warning", "mark-price"))
_CHANNELS: dict[str, Callable[[Row], list[Fact]]] = {
    "orders": rows.push_facts,
    "orders-algo": rows.algo_facts,
    "algo-advance": rows.algo_facts,
    "fills": rows.fill_hints,
    "positions": lambda row: [rows.position_fact(row)],
    "account": rows.account_facts,
    "balance_and_position": rows.change_facts,
    "liquidation-warning": lambda row: [rows.warning(row)],
    "mark-price": lambda row: [rows.mark_fact(row)],
}
