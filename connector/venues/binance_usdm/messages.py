"""Pushed frames into facts: one parse per frame, straight from the bytes.

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
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connector.dialect.facts import (
    BalanceFact,
    ControlFact,
    ControlKind,
    Fact,
    FillFact,
    FrameReply,
    LedgerFact,
    MarkFact,
    OrderFact,
    PositionFact,
    RiskFact,
    SettingFact,
    UnknownFact,
)
from connector.model.account import LedgerKind
from connector.model.clock import NS_PER_MS
from connector.model.ids import Symbol, TradeId, VenueOrderId
from connector.model.money import ZERO
from connector.model.order import OrderStatus, Origin
from connector.venues.binance_usdm import rows, wire_events, wire_frames, words
from connector.venues.binance_usdm.wire_events import (
    Decoder,
    amount,
    amount_of,
)

RAW_MAX = 4096

_UNSAID = (None, None)
LOGON_ID = "logon"

_KIND = re.compile(rb'"e"\s*:\s*"([A-Za-z_]{1,64})"')
_BARE = b'{"e":'
_WRAPPED = re.compile(rb'\s*\{\s*"(?:stream|data)"\s*:')
_NOTICE = re.compile(rb'\s*\{\s*"event"\s*:')
# A stream key may stand in a frame: in its own field, or as a stream's name.
_STREAM_KEY = re.compile(r'("(?:listenKey|stream)"\s*:\s*")[^"@]{20,}')


def read_frame(raw: bytes) -> tuple[Fact, ...]:
    """The facts of one frame of any stream; never raises."""
    peeked = _KIND.search(raw)
    word = peeked[1] if peeked else b""
    event = _EVENTS.get(word)
    if event is not None:
        try:
            return event.read(raw)
        except (ValueError, KeyError, ArithmeticError, RecursionError):
            return (unknown(word.decode("ascii"), raw, is_gap=event.is_state),)
    kind = word.decode("ascii")
    try:
        return _not_an_event(wire_frames.head_of(raw), kind, raw)
    except (ValueError, RecursionError):
        return (unknown("", raw, is_gap=True),)


def unknown(kind: str, raw: bytes, *, is_gap: bool) -> UnknownFact:
    """*raw* kept as text, cut to 4 KiB, stream keys hidden."""
    text = raw[:RAW_MAX].decode("utf-8", "replace")
    return UnknownFact(
        kind=kind, raw=_STREAM_KEY.sub(r"\1**********", text), is_gap=is_gap
    )


def _not_an_event(
    head: wire_frames.FrameHead, kind: str, raw: bytes
) -> tuple[Fact, ...]:
    frame_id = "" if head.id is None else str(head.id)
    error = head.error
    if head.status is None and not frame_id and error is None:
        return (unknown(kind, raw, is_gap=not kind),)
    # Without an id nobody can match it: the session behind the socket is gone
    # (a revoked key is announced this way) or a frame of ours was not read.
    if head.status is not None and frame_id and frame_id != LOGON_ID:
        return (FrameReply(frame_id=frame_id, raw=raw),)
    if error is not None or (head.status or 200) >= 300:
        return (
            ControlFact(
                kind=ControlKind.REFUSED,
                ref=frame_id,
                code=str(error.code if error else head.status),
                text=error.msg if error else "",
            ),
        )
    return (ControlFact(kind=ControlKind.ACK, ref=frame_id),)


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
    tif, post_only = words.LIFETIMES.get(state.time_in_force, _UNSAID)
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
    return (
        FillFact(
            symbol=Symbol(trade.symbol),
            venue_order_id=VenueOrderId(str(trade.order_id)),
            client_order_id=rows.client_id(trade.client_order_id),
            trade_id=TradeId(str(trade.trade_id)),
            side=words.SIDES[trade.side],
            qty=amount(trade.last_qty),
            price=amount(trade.last_price),
            venue_ns=trade.transaction_time * NS_PER_MS,
            is_maker=trade.is_maker,
            origin=words.origin_of(trade.client_order_id or ""),
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
                isolated_wallet=ZERO if isolated == "0" else amount_of(isolated),
            )
        )
    return tuple(facts)


def _algo_update(update: wire_events.AlgoUpdate) -> tuple[Fact, ...]:
    state = update.order
    qty, price = amount_of(state.qty) or None, amount_of(state.price) or None
    filled = amount_of(state.actual_qty) or ZERO
    status, reason = words.algo_status_of(state.status, qty, filled)
    tif, post_only = rows.lifetime(state.time_in_force)
    actual = state.actual_order_id
    return (
        OrderFact(
            Symbol(state.symbol),
            VenueOrderId(str(state.algo_id)),
            rows.client_id(state.client_algo_id),
            status,
            update.transaction_time * NS_PER_MS,
            words.SIDES[state.side],
            words.conditional_type(state.order_type, price),
            tif,
            post_only,
            qty,
            price=price,
            trigger_price=amount_of(state.trigger_price) or None,
            filled_qty=filled,
            avg_price=amount_of(state.actual_price) or None,
            reduce_only=state.reduce_only,
            close_position=state.close_position,
            position_side=words.POSITION_SIDES[state.position_side],
            reason=state.failure or reason,
            is_conditional=True,
            triggered_order_id=VenueOrderId(actual) if actual else None,
        ),
    )


def _margin_call(call: wire_events.MarginCall) -> tuple[Fact, ...]:
    told = ", ".join(
        f"{row.symbol} {row.qty} (maintenance margin {row.maintenance}, "
        f"unrealised PnL {row.unrealized})"
        for row in call.rows
    )
    return (
        RiskFact(
            text=f"margin call: {told}",
            venue_ns=call.event_time * NS_PER_MS,
            symbols=tuple(Symbol(row.symbol) for row in call.rows),
        ),
    )


def _config_update(update: wire_events.ConfigUpdate) -> tuple[Fact, ...]:
    facts: list[Fact] = []
    if (one := update.symbol_setting) is not None:
        facts.append(SettingFact(symbol=Symbol(one.symbol), leverage=one.leverage))
    if (whole := update.account_setting) is not None:
        facts.append(SettingFact(is_multi_asset=whole.is_multi_asset))
    if not facts:
        raise ValueError("ACCOUNT_CONFIG_UPDATE says nothing")
    return tuple(facts)


def _mark_price(mark: wire_events.MarkPrice) -> tuple[Fact, ...]:
    return (
        MarkFact(
            symbol=Symbol(mark.symbol),
            mark_price=amount(mark.mark_price),
            venue_ns=mark.event_time * NS_PER_MS,
            index_price=amount_of(mark.index_price) or None,
            funding_rate=amount_of(mark.funding_rate),
            next_funding_ns=mark.next_funding * NS_PER_MS or None,
        ),
    )


def _mark_prices(
    marks: list[wire_events.MarkPrice] | wire_events.MarkPrice,
) -> tuple[Fact, ...]:
    if isinstance(marks, wire_events.MarkPrice):
        return _mark_price(marks)
    return tuple(fact for mark in marks for fact in _mark_price(mark))


def _notice(kind: ControlKind) -> Callable[[Any], tuple[Fact, ...]]:
    return lambda _: (ControlFact(kind=kind),)


@dataclass(frozen=True, slots=True)
class _Event:
    """How one kind is validated and translated."""

    bare: Decoder
    wrapped: Decoder
    translate: Callable[[Any], tuple[Fact, ...]]
    is_state: bool

    def read(self, raw: bytes) -> tuple[Fact, ...]:
        """Facts of a frame of this kind; ValueError and kin if it is broken."""
        if raw.startswith(_BARE):
            return self.translate(self.bare.of_bytes(raw))
        if _WRAPPED.match(raw):
            return self.translate(self.wrapped.of_bytes(raw).data)
        if _NOTICE.match(raw):
            return self.translate(self.bare.of_bytes(b"{}"))
        return self.translate(self.bare.of_bytes(raw))


def _event(
    model: Any,
    translate: Callable[[Any], tuple[Fact, ...]],
    *,
    is_state: bool = True,
) -> _Event:
    wrapper: Any = wire_events.Wrapped
    return _Event(Decoder(model), Decoder(wrapper[model]), translate, is_state)


_EVENTS: dict[bytes, _Event] = {
    b"ORDER_TRADE_UPDATE": _event(wire_events.OrderTradeUpdate, _order_update),
    b"TRADE_LITE": _event(wire_events.TradeLite, _trade_lite),
    b"ACCOUNT_UPDATE": _event(wire_events.AccountUpdate, _account_update),
    b"ALGO_UPDATE": _event(wire_events.AlgoUpdate, _algo_update),
    b"MARGIN_CALL": _event(wire_events.MarginCall, _margin_call),
    b"ACCOUNT_CONFIG_UPDATE": _event(wire_events.ConfigUpdate, _config_update),
    b"listenKeyExpired": _event(wire_events.Notice, _notice(ControlKind.KEY_EXPIRED)),
    b"serverShutdown": _event(wire_events.Notice, _notice(ControlKind.RESTART_NOTICE)),
    b"markPriceUpdate": _event(
        list[wire_events.MarkPrice] | wire_events.MarkPrice,
        _mark_prices,
        is_state=False,
    ),
}
