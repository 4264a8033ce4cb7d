"""Frames into facts: notifications, heartbeats, and answers by their id.

    {"method":"subscription","params":{"channel","data"}}   a notification
    {"method":"heartbeat","params":{"type"}}                heartbeat, test_request
    {"id":"17","result"|"error":...}                        answer to a command
    {"id":"auth","result"|"error":...}                      answer to a script's frame

Only two private channels are needed: `user.changes` binds trade, order and position
of one event in one frame, `user.portfolio` tells wallets. Neither has a sequence
number or a snapshot. A position in a frame is as new as the newest trade or order
beside it (to the millisecond, hence its last nanosecond); a portfolio has no time at
all, which is said by 0.

Source: Deribit API, "Subscriptions" (user.changes, user.portfolio, platform_state,
instrument.state, user.lock), "Heartbeats"; read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from connector.dialect.facts import (
    ControlFact,
    ControlKind,
    Fact,
    FrameReply,
    LedgerFact,
    MarkFact,
    NoticeFact,
    OrderFact,
    UnknownFact,
)
from connector.model.account import LedgerKind
from connector.model.clock import NS_PER_MS
from connector.model.credentials import Secret
from connector.model.ids import Symbol
from connector.model.money import ZERO
from connector.venues.deribit import rows, wire
from connector.venues.deribit.wire import Envelope, Shape

RAW_MAX = 4096
SIGN_IN, RENEWAL = "auth", "renew"
"""Ids of the frames that bring tokens."""

_LAST_NS = NS_PER_MS - 1
_BROKEN = (ValueError, KeyError, ArithmeticError, RecursionError)
_ENVELOPE = Shape(Envelope)
_TOKENS = Shape(wire.Tokens)
_COMMAND = re.compile(rb'"id"\s*:\s*"?([0-9]{1,18})"?\s*[,}]')
_UNAUTHORIZED = re.compile(rb'"code"\s*:\s*13009\b')
_NOTIFICATION = re.compile(rb'"method"\s*:\s*"(?:subscription|heartbeat)"')
_TOKEN = re.compile(r'("(?:access|refresh)_token"\s*:\s*")[^"]*')


def read_frame(raw: bytes) -> tuple[Fact, ...]:
    """The facts of one frame of any stream; never raises."""
    if _NOTIFICATION.search(raw) is None:
        answer = _COMMAND.search(raw)
        if answer is not None:
            return _answer(answer[1].decode("ascii"), raw)
    try:
        envelope: Envelope = _ENVELOPE.of_object(wire.parse(raw))
    except _BROKEN:
        return (_unknown("", raw, is_gap=True),)
    if envelope.method == "subscription":
        return _notification(envelope.params, raw)
    if envelope.method == "heartbeat":
        is_test = envelope.params.get("type") == "test_request"
        return (ControlFact(kind=ControlKind.TEST_REQUEST),) if is_test else ()
    if envelope.method:
        return (_unknown(envelope.method, raw, is_gap=False),)
    return (_control(envelope),)


def _answer(frame_id: str, raw: bytes) -> tuple[Fact, ...]:
    """The answer to a command; one that was not allowed in ends the sign-in."""
    reply = FrameReply(frame_id=frame_id, raw=raw)
    if _UNAUTHORIZED.search(raw) is None:
        return (reply,)
    return (reply, ControlFact(kind=ControlKind.KEY_EXPIRED, code="13009"))


def _control(envelope: Envelope) -> ControlFact:
    """The answer to a frame of a script. Lists (of channels) are joined by blanks."""
    ref = "" if envelope.id is None else str(envelope.id)
    if envelope.error is not None:
        return ControlFact(
            kind=ControlKind.REFUSED,
            ref=ref,
            code=str(envelope.error.code),
            text=envelope.error.text,
        )
    fields: dict[str, str] = {}
    if envelope.testnet is not None:
        fields["testnet"] = "true" if envelope.testnet else "false"
    secret = None
    result = envelope.result
    if ref in (SIGN_IN, RENEWAL):
        try:
            tokens = _TOKENS.of_object(result)
        except ValueError:
            return ControlFact(kind=ControlKind.REFUSED, ref=ref, text="no tokens")
        fields |= {"expires_in": str(tokens.expires_in), "scope": tokens.scope}
        secret = Secret(tokens.refresh_token)
    elif isinstance(result, list):
        fields["channels"] = " ".join(str(item) for item in result)
    elif isinstance(result, dict):
        fields |= {str(name): str(value) for name, value in result.items()}
    return ControlFact(kind=ControlKind.ACK, ref=ref, fields=fields, secret=secret)


def _unknown(kind: str, raw: bytes, *, is_gap: bool) -> UnknownFact:
    text = raw[:RAW_MAX].decode("utf-8", "replace")
    return UnknownFact(kind=kind, raw=_TOKEN.sub(r"\1**********", text), is_gap=is_gap)


# --- notifications --------------------------------------------------------------


def _notification(params: Mapping[str, Any], raw: bytes) -> tuple[Fact, ...]:
    channel = str(params.get("channel", ""))
    for prefix, (is_state, shape, translate) in _CHANNELS.items():
        if channel.startswith(prefix):
            try:
                return translate(shape.of_object(params.get("data")))
            except _BROKEN:
                return (_unknown(channel, raw, is_gap=is_state),)
    return (_unknown(channel, raw, is_gap=False),)


def _changes(event: wire.Changes) -> tuple[Fact, ...]:
    """Orders with their fills behind them, then the position."""
    orders = [rows.order_fact(row) for row in event.orders]
    fills = [rows.fill_fact(row) for row in event.trades]
    facts: list[Fact] = []
    for order in orders:
        facts.append(order)
        facts += [f for f in fills if f.venue_order_id == order.venue_order_id]
    known = {order.venue_order_id for order in orders}
    facts += [f for f in fills if f.venue_order_id not in known]
    stamps = [one.venue_ns for one in orders] + [one.venue_ns for one in fills]
    at_ns = max(stamps) + _LAST_NS if stamps else 0
    positions = event.positions or event.position
    facts += [rows.position_fact(row, at_ns) for row in positions]
    if positions and not fills:
        # A position that moves without a trade was delivered or transferred: the
        # transaction log tells the rest.
        facts.append(_ledger_notice(event.instrument_name, 0))
    return tuple(facts)


def _order_events(data: list[wire.OrderRow] | wire.OrderRow) -> tuple[OrderFact, ...]:
    """Raw channels carry one order, aggregated ones a list."""
    page = data if isinstance(data, list) else [data]
    return tuple(rows.order_fact(row) for row in page)


def _trades(page: list[wire.TradeRow]) -> tuple[Fact, ...]:
    return tuple(rows.fill_fact(row) for row in page)


def _portfolio(row: wire.Summary) -> tuple[Fact, ...]:
    return rows.summary_facts(row, 0)


def _platform(data: dict[str, Any]) -> tuple[Fact, ...]:
    """Maintenance of the platform, or of one index."""
    index = data.get("price_index")
    if index is not None:
        word = "locked" if data.get("locked") else "open again"
        return (NoticeFact(code="venue.index", text=f"index {index} is {word}"),)
    word = "in maintenance" if data.get("maintenance") else "back from maintenance"
    return (NoticeFact(code="venue.maintenance", text=f"the platform is {word}"),)


def _lock(data: dict[str, Any]) -> tuple[Fact, ...]:
    word = "locked" if data.get("locked") else "open again"
    text = f"the account is {word} ({data.get('currency', 'ALL')})"
    return (NoticeFact(code="venue.lock", text=text),)


def _instrument_state(data: dict[str, Any]) -> tuple[Fact, ...]:
    """Settlement and delivery write rows into the transaction log."""
    name, state = str(data["instrument_name"]), str(data["state"])
    if state not in ("settlement", "delivered"):
        return ()
    return (_ledger_notice(name, int(data.get("timestamp", 0)) * NS_PER_MS),)


def _ledger_notice(symbol: str, venue_ns: int) -> LedgerFact:
    return LedgerFact(
        kind=LedgerKind.SETTLEMENT,
        asset="",
        amount=ZERO,
        venue_ns=venue_ns,
        symbol=Symbol(symbol),
    )


def _ticker(row: wire.Ticker) -> tuple[MarkFact, ...]:
    return (rows.mark_fact(row),)


_CHANNELS: dict[str, tuple[bool, Shape, Callable[[Any], tuple[Fact, ...]]]] = {
    "user.changes.": (True, Shape(wire.Changes), _changes),
    "user.portfolio.": (True, Shape(wire.Summary), _portfolio),
    "user.orders.": (True, Shape(list[wire.OrderRow] | wire.OrderRow), _order_events),
    "user.trades.": (True, Shape(list[wire.TradeRow]), _trades),
    "user.lock": (False, Shape(dict[str, Any]), _lock),
    "platform_state": (False, Shape(dict[str, Any]), _platform),
    "instrument.state.": (False, Shape(dict[str, Any]), _instrument_state),
    "ticker.": (False, Shape(wire.Ticker), _ticker),
}
