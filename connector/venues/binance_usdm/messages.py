"""Pushed frames into facts: one parse per frame, straight from the bytes; typed for
what comes with every order and fill, field by field for the rest.

The kind is peeked at, so that the bytes are decoded once, into one kind. What a
frame may be:

    {"e": KIND, ...}                     an event (/ws)
    {"stream": ..., "data": {"e": ...}}  the same, combined streams (/stream)
    {"event": {"e": ...}}                a notice on the WebSocket API
    {"id": ..., "status": ...}           an answer of the WebSocket API
    {"id": ..., "result" | "error"}      the answer to a SUBSCRIBE

Nothing here raises for what the venue sent. A kind we do not know is an addition
to the wire and no gap; a kind we know that cannot be read, or bytes that are no
event at all, may have been a state change and are one.

Source: "User Data Streams", "Mark Price Stream", "WebSocket API General Info",
read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import msgspec

from connector.dialect.facts import (
    BalanceFact,
    ControlKind,
    Fact,
    FillFact,
    FrameReply,
    LedgerFact,
    OrderFact,
    PositionFact,
    UnknownFact,
)
from connector.model.account import LedgerKind
from connector.model.clock import NS_PER_MS
from connector.model.ids import ClientOrderId, Symbol, TradeId, VenueOrderId
from connector.model.money import ZERO
from connector.model.noun import replace
from connector.model.order import OrderStatus, Origin
from connector.venues.binance_usdm import rows, wire_events, words
from connector.venues.binance_usdm.wire_events import FrameHead, amount
from connector.venues.json_rows import Row, parsed
from connector.venues.replies import BROKEN, control
from connector.venues.replies import unknown as unknown_frame

LOGON_ID = "logon"

_MARKS = b"markPriceUpdate"

_Read = Callable[[bytes], tuple[Fact, ...]]

_KIND = re.compile(rb'"e"\s*:\s*"([A-Za-z_]{1,64})"')
_BARE = b'{"e":'
_WRAPPED = re.compile(rb'\s*\{\s*"(?:stream|data)"\s*:')
# A stream key may stand in a frame: in its own field, or as a stream's name.
_STREAM_KEY = re.compile(r'("(?:listenKey|stream)"\s*:\s*")[^"@]{20,}')


def read_frame(raw: bytes) -> tuple[Fact, ...]:
    """The facts of one frame of any stream; never raises."""
    peeked = _KIND.search(raw)
    word = peeked[1] if peeked else b""
    kind = word.decode("ascii")
    try:
        if (read := _EVENTS.get(word)) is not None:
            return read(raw)
    except BROKEN:
        return (unknown(kind, raw, is_gap=word != _MARKS),)
    try:
        head = _head_of(raw)
    except BROKEN:
        return (unknown("", raw, is_gap=True),)
    return _not_an_event(head, kind, raw)


def unknown(kind: str, raw: bytes, *, is_gap: bool) -> UnknownFact:
    """*raw* kept as text, cut to 4 KiB, stream keys hidden."""
    fact = unknown_frame(kind, raw, is_gap=is_gap)
    return replace(fact, raw=_STREAM_KEY.sub(r"\1**********", fact.raw))


def _not_an_event(head: FrameHead, kind: str, raw: bytes) -> tuple[Fact, ...]:
    frame_id = "" if head.id is None else str(head.id)
    if head.status is None and not frame_id and head.error is None:
        return (unknown(kind, raw, is_gap=not kind),)
    # Without an id nobody can match it: the session behind the socket is gone
    # (a revoked key is announced this way) or a frame of ours was not read.
    if head.status is not None and frame_id and frame_id != LOGON_ID:
        return (FrameReply(frame_id=frame_id, raw=raw),)
    if head.error is not None or (head.status or 200) >= 300:
        code = str(head.error.code if head.error else head.status)
        text = head.error.msg if head.error else ""
        return control(ControlKind.REFUSED, frame_id, code, text)
    return control(ControlKind.ACK, frame_id)


# --- events ---------------------------------------------------------------------


def _order_update(update: wire_events.OrderTradeUpdate) -> tuple[Fact, ...]:
    state = update.order
    order_id = VenueOrderId(str(state.order_id))
    name = state.client_order_id
    origin = words.origin_of(name)
    fact = _order_state(state, order_id, origin)
    last = amount(state.last_qty)
    # A trade id of 0 is no trade. An execution without one cannot be counted
    # once and for all; the cumulative quantity tells that it is missing.
    if last <= ZERO or state.trade_id <= 0:
        return (fact,)
    fee, pnl = state.fee, state.realized_pnl
    fill = FillFact(
        symbol=state.symbol,
        venue_order_id=order_id,
        client_order_id=name or None,
        trade_id=TradeId(str(state.trade_id)),
        side=words.SIDES[state.side],
        qty=last,
        price=amount(state.last_price),
        venue_ns=fact.venue_ns,
        fee=amount(fee) if fee else fee,
        fee_asset=state.fee_asset or "",
        realized_pnl=amount(pnl) if pnl else pnl,
        is_maker=state.is_maker,
        position_side=words.POSITION_SIDES[state.position_side],
        origin=origin,
    )
    return (fact, fill)


def _order_state(
    state: wire_events.OrderState, order_id: VenueOrderId, origin: Origin | None
) -> OrderFact:
    qty, filled = amount(state.qty), amount(state.cumulative_qty)
    status, reason = words.status_of(state.status, qty, filled)
    if status is OrderStatus.EXPIRED:
        expiry = words.expiry_text(status, state.expiry_reason)
        reason = ": ".join(part for part in (reason, expiry) if part)
    tif, post_only = words.LIFETIMES.get(state.time_in_force, rows.UNSAID)
    order_type = words.TYPES.get(state.original_type or state.type_now)
    triggered = order_type is not None and order_type.is_conditional
    price, stop, average = state.price, state.stop_price, state.average_price
    return OrderFact(
        state.symbol,
        order_id,
        state.client_order_id or None,
        status,
        state.trade_time * NS_PER_MS,
        words.SIDES[state.side],
        order_type,
        tif,
        post_only,
        qty or None,
        # The venue says 0 for what there is not.
        amount(price) if price else None,
        amount(stop) if stop else None,
        filled,
        amount(average) if average else None,
        reduce_only=state.reduce_only,
        close_position=state.close_position,
        position_side=words.POSITION_SIDES[state.position_side],
        origin=origin,
        reason=reason,
        triggered_order_id=order_id if triggered else None,
        is_amend=state.execution == "AMENDMENT",
        amend_id="" if state.modify_id is None else str(state.modify_id),
    )


def _trade_lite(trade: wire_events.TradeLite) -> tuple[Fact, ...]:
    name = trade.client_order_id or ""
    return (
        FillFact(
            symbol=Symbol(trade.symbol),
            venue_order_id=VenueOrderId(str(trade.order_id)),
            client_order_id=ClientOrderId(name) if name else None,
            trade_id=TradeId(str(trade.trade_id)),
            side=words.SIDES[trade.side],
            qty=amount(trade.last_qty),
            price=amount(trade.last_price),
            venue_ns=trade.transaction_time * NS_PER_MS,
            is_maker=trade.is_maker,
            origin=words.origin_of(name),
            is_hint=True,
        ),
    )


def _account_update(update: wire_events.AccountUpdate) -> tuple[Fact, ...]:
    venue_ns = update.transaction_time * NS_PER_MS
    change = update.change
    facts: list[Fact] = []
    for row in change.balances:
        cross = row.cross_wallet
        facts.append(
            BalanceFact(
                asset=row.asset,
                wallet=amount(row.wallet),
                venue_ns=venue_ns,
                cross_wallet=None if cross is None else amount(cross),
            )
        )
        moved = row.change
        if moved:
            facts.append(
                LedgerFact(
                    kind=words.ACCOUNT_REASONS.get(change.reason, LedgerKind.OTHER),
                    asset=row.asset,
                    amount=amount(moved),
                    venue_ns=venue_ns,
                    symbol=Symbol(change.symbol) if change.symbol else None,
                    text=change.reason,
                )
            )
    for held in change.positions:
        entry, isolated = held.entry_price, held.isolated_wallet or "0"
        facts.append(
            PositionFact(
                symbol=held.symbol,
                position_side=words.POSITION_SIDES[held.position_side],
                qty=amount(held.qty),
                venue_ns=venue_ns,
                entry_price=None if entry is None else amount(entry),
                margin_mode=words.MARGIN_MODES.get(held.margin_type.lower()),
                isolated_wallet=ZERO if isolated == "0" else amount(Decimal(isolated)),
            )
        )
    return tuple(facts)


def _algo_update(update: Row) -> list[Fact]:
    state = update.row("o").renamed(rows.ALGO_NAMES)
    return [rows.algo_fact(state, update.nanos("T"))]


def _typed(model: Any, translate: Callable[[Any], tuple[Fact, ...]]) -> _Read:
    """The reader of a frequent kind."""
    wrapper: Any = wire_events.Wrapped
    bare = msgspec.json.Decoder(model).decode
    wrapped = msgspec.json.Decoder(wrapper[model]).decode

    def read(raw: bytes) -> tuple[Fact, ...]:
        if not raw.startswith(_BARE) and _WRAPPED.match(raw):
            return translate(wrapped(raw).data)
        return translate(bare(raw))

    return read


def _by_field(translate: Callable[[Row], Iterable[Fact]]) -> _Read:
    """The reader of a rare kind; the stream of all mark prices is a list of events."""

    def read(raw: bytes) -> tuple[Fact, ...]:
        document = parsed(raw)
        if isinstance(document, dict) and "e" not in document:
            document = document.get("data", document)
        events = document if isinstance(document, list) else [document]
        return tuple(fact for event in events for fact in translate(Row(event)))

    return read


_head_of = msgspec.json.Decoder(FrameHead, strict=False).decode
_EVENTS: dict[bytes, _Read] = {
    b"ORDER_TRADE_UPDATE": _typed(wire_events.OrderTradeUpdate, _order_update),
    b"TRADE_LITE": _typed(wire_events.TradeLite, _trade_lite),
    b"ACCOUNT_UPDATE": _typed(wire_events.AccountUpdate, _account_update),
    b"ALGO_UPDATE": _by_field(_algo_update),
    b"MARGIN_CALL": _by_field(lambda row: [rows.margin_call(row)]),
    b"ACCOUNT_CONFIG_UPDATE": _by_field(rows.config_facts),
    b"listenKeyExpired": _by_field(lambda _: control(ControlKind.KEY_EXPIRED)),
    b"serverShutdown": _by_field(lambda _: control(ControlKind.RESTART_NOTICE)),
    _MARKS: _by_field(lambda row: [rows.pushed_mark(row)]),
}
