"""Events of the account in the venue's words, as the private stream sends them.

For one fill the machine tells a thin trade, then balances, then the order; they
become TRADE_LITE, ACCOUNT_UPDATE and ORDER_TRADE_UPDATE with the same ``T``.
Executions forced by the venue are announced with x=NEW and executed with
x=CALCULATED, without TRADE_LITE.

Source: Binance USDⓈ-M docs, "User Data Streams", event pages, read 2026-11; the
order across types and ``ma`` in positions from public captures.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, assert_never

from connector.paper.faces.binance_usdm.render import (
    EXPIRY_REASONS,
    Renderer,
    entry,
    money,
    money_or_zero,
    plain,
    status_word,
    tif_word,
)
from connector.paper.types import (
    AccountEvent,
    AccountScoped,
    AssetModeEvent,
    BalanceChange,
    Conditional,
    ConditionalEvent,
    LeverageEvent,
    MarginCallEvent,
    OrderEvent,
    Position,
    TradeEvent,
)
from connector.paper.words import (
    AccountReason,
    ConditionalStatus,
    ExecKind,
    MarginType,
    OrderKind,
    Reason,
)

REASONS: dict[AccountReason, str] = {AccountReason.TRANSFER: "DEPOSIT"}

FORCED = (OrderKind.LIQUIDATION, OrderKind.ADL)

REJECT_TEXTS: dict[Reason, str] = {
    Reason.REDUCE_ONLY: "Reduce Only reject",
    Reason.MARGIN: "Margin is insufficient.",
}


def stream_event(
    event: AccountScoped, renderer: Renderer, now_ms: int
) -> dict[str, Any] | None:
    """The venue's event for one event of the machine; None if it tells nothing."""
    if isinstance(event, TradeEvent):
        return (
            None if event.fill.kind in FORCED else trade_lite(event, renderer, now_ms)
        )
    if isinstance(event, OrderEvent):
        return order_trade_update(event, renderer, now_ms)
    if isinstance(event, AccountEvent):
        return account_update(event, renderer, now_ms)
    if isinstance(event, ConditionalEvent):
        return algo_update(event, renderer, now_ms)
    if isinstance(event, MarginCallEvent):
        return margin_call(event, renderer, now_ms)
    head = {"e": "ACCOUNT_CONFIG_UPDATE", "E": now_ms, "T": event.time_ms}
    if isinstance(event, LeverageEvent):
        return {**head, "ac": {"s": event.symbol, "l": event.leverage}}
    if isinstance(event, AssetModeEvent):
        return {**head, "ai": {"j": event.is_multi_assets}}
    assert_never(event)


def trade_lite(event: TradeEvent, renderer: Renderer, now_ms: int) -> dict[str, Any]:
    """TRADE_LITE: first, thin, without fee and status."""
    order, fill = event.order, event.fill
    symbol = order.symbol
    return {
        "e": "TRADE_LITE",
        "E": now_ms,
        "T": event.time_ms,
        "s": symbol,
        "q": renderer.qty(symbol, order.qty),
        "p": renderer.price_or_zero(symbol, order.price),
        "m": fill.is_maker,
        "c": order.client_order_id,
        "S": str(order.side),
        "L": renderer.price(symbol, fill.price),
        "l": renderer.qty(symbol, fill.qty),
        "t": fill.trade_id,
        "i": order.order_id,
    }


def order_trade_update(
    event: OrderEvent, renderer: Renderer, now_ms: int
) -> dict[str, Any]:
    """ORDER_TRADE_UPDATE: every change of an order."""
    order, fill = event.order, event.fill
    symbol = order.symbol
    body: dict[str, Any] = {
        "s": symbol,
        "c": order.client_order_id,
        "S": str(order.side),
        "o": str(order.type),
        "f": tif_word(order.time_in_force, order.tag),
        "q": renderer.qty(symbol, order.qty),
        "p": renderer.price_or_zero(symbol, order.price),
        "ap": plain(order.average_price),
        "sp": renderer.price_or_zero(symbol, order.stop_price),
        "x": str(event.kind),
        "X": status_word(order),
        "i": order.order_id,
        "l": renderer.qty(symbol, fill.qty) if fill else "0",
        "z": renderer.qty_or_zero(symbol, order.filled_qty),
        "L": renderer.price(symbol, fill.price) if fill else "0",
        "n": money_or_zero(fill.commission) if fill else "0",
        "N": fill.commission_asset if fill else renderer.margin_asset(symbol),
        "T": event.time_ms,
        "t": fill.trade_id if fill else 0,
        "b": plain(event.bid_notional),
        "a": plain(event.ask_notional),
        "m": fill.is_maker if fill else False,
        "R": order.reduce_only,
        "wt": str(order.working_type),
        "ot": str(order.original_type),
        "ps": str(order.position_side),
        "cp": order.close_position,
        "rp": plain(fill.realized_pnl) if fill else "0",
        "pP": order.price_protect,
        "si": 0,
        "ss": 0,
        "V": str(order.stp),
        "pm": order.price_match,
        "gtd": order.expire_ms,
        "er": EXPIRY_REASONS.get(order.end_reason, "0"),
    }
    if event.kind is ExecKind.AMENDMENT and event.tag:
        body["M"] = event.tag
    if str(order.original_type) == "TRAILING_STOP_MARKET":
        body["AP"] = renderer.price(symbol, order.activate_price)
        body["cr"] = rate_text(order.callback_rate)
    return {
        "e": "ORDER_TRADE_UPDATE",
        "T": event.time_ms,
        "E": now_ms,
        "o": body,
    }


def rate_text(rate: Decimal) -> str:
    """A callback rate: at least one digit after the point."""
    text = plain(rate)
    return text if "." in text else f"{text}.0"


def account_update(
    event: AccountEvent, renderer: Renderer, now_ms: int
) -> dict[str, Any]:
    """ACCOUNT_UPDATE: only the balances and positions that changed."""
    positions = [position_row(row, renderer) for row in event.positions]
    if event.reason is AccountReason.FUNDING_FEE:
        # cross funding carries the balance only, isolated its one position too
        positions = [row for row in positions if row["mt"] == "isolated"]
    body: dict[str, Any] = {
        "B": [balance_row(row) for row in event.balances],
        "P": positions,
        "m": REASONS.get(event.reason, str(event.reason)),
    }
    if event.reason is AccountReason.FUNDING_FEE and event.symbol:
        body["S"] = event.symbol
    return {"e": "ACCOUNT_UPDATE", "T": event.time_ms, "E": now_ms, "a": body}


def balance_row(row: BalanceChange) -> dict[str, str]:
    """One entry of ``B``."""
    return {
        "a": row.asset,
        "wb": money(row.wallet),
        "cw": money(row.cross_wallet),
        "bc": change_text(row.delta),
    }


def change_text(value: Decimal) -> str:
    """A balance change: whole amounts bare, others with eight digits."""
    return plain(value) if value == value.to_integral_value() else money(value)


def position_row(row: Position, renderer: Renderer) -> dict[str, str]:
    """One entry of ``P``; margin types are lower case here."""
    return {
        "s": row.symbol,
        "pa": renderer.qty_or_zero(row.symbol, row.qty),
        "ep": entry(row.entry_price),
        "cr": plain(row.realized_pnl),
        "up": money_or_zero(row.unrealized_pnl),
        "mt": "isolated" if row.margin_type is MarginType.ISOLATED else "cross",
        "iw": money_or_zero(row.isolated_wallet),
        "ps": str(row.position_side),
        "ma": row.margin_asset,
        "bep": entry(row.break_even_price),
    }


def algo_update(
    event: ConditionalEvent, renderer: Renderer, now_ms: int
) -> dict[str, Any]:
    """ALGO_UPDATE: a conditional order changed."""
    algo = event.conditional
    symbol = algo.symbol
    body: dict[str, Any] = {
        "caid": algo.client_order_id,
        "aid": algo.conditional_id,
        "at": "CONDITIONAL",
        "o": str(algo.type),
        "s": symbol,
        "S": str(algo.side),
        "ps": str(algo.position_side),
        "f": tif_word(algo.time_in_force, algo.tag),
        "q": renderer.qty(symbol, algo.qty),
        "X": str(algo.status),
        "ai": str(algo.actual_order_id) if algo.actual_order_id else "",
        "tp": renderer.price_or_zero(symbol, algo.trigger_price),
        "p": renderer.price_or_zero(symbol, algo.price),
        "V": str(algo.stp),
        "wt": str(algo.working_type),
        "pm": algo.price_match,
        "cp": algo.close_position,
        "pP": algo.price_protect,
        "R": algo.reduce_only,
        "tt": algo.triggered_ms,
        "gtd": algo.expire_ms,
        "ia": algo.is_activated,
    }
    if algo.status not in (ConditionalStatus.NEW, ConditionalStatus.TRIGGERING):
        body.update(_actual_fields(algo, renderer))
    return {"e": "ALGO_UPDATE", "T": event.time_ms, "E": now_ms, "o": body}


def _actual_fields(algo: Conditional, renderer: Renderer) -> dict[str, str]:
    fields = {
        "ap": plain(algo.actual_price),
        "aq": renderer.qty_or_zero(algo.symbol, algo.actual_qty),
        "act": str(algo.actual_type) if algo.actual_type else "0",
    }
    refusal = algo.reject_reason
    if algo.status is ConditionalStatus.REJECTED and refusal is not None:
        fields["rm"] = REJECT_TEXTS.get(refusal.reason, refusal.detail or "Rejected")
    return fields


def margin_call(
    event: MarginCallEvent, renderer: Renderer, now_ms: int
) -> dict[str, Any]:
    """MARGIN_CALL: guidance only; margin types are upper case here."""
    body: dict[str, Any] = {"e": "MARGIN_CALL", "E": now_ms}
    if event.cross_wallet is not None:
        body["cw"] = money(event.cross_wallet)
    body["p"] = [
        {
            "s": row.symbol,
            "ps": str(row.position_side),
            "pa": renderer.qty_or_zero(row.symbol, row.qty),
            "mt": "ISOLATED" if row.margin_type is MarginType.ISOLATED else "CROSSED",
            "iw": money_or_zero(row.isolated_wallet),
            "mp": money(row.mark_price),
            "up": plain(row.unrealized_pnl),
            "mm": plain(row.maintenance_margin),
        }
        for row in event.positions
    ]
    return body


def listen_key_expired(key: str, now_ms: int) -> dict[str, Any]:
    """The last event of a dying listen key."""
    return {"e": "listenKeyExpired", "E": now_ms, "listenKey": key}
