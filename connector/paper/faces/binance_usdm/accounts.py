"""Balances, positions and margin in the venue's words.

Three generations are in use: v1 and v2 list every symbol with leverage and flags,
v3 lists only symbols with a position or an order.

Source: Binance USDⓈ-M docs, "Account Information V2/V3", "Position Information
V2/V3", "Futures Account Balance V2/V3", read 2026-11.
"""

from __future__ import annotations

from typing import Any

from connector.paper.faces.binance_usdm.render import (
    Renderer,
    entry,
    money,
    money_or_zero,
    plain,
)
from connector.paper.types import AccountView, AssetBalance, Position
from connector.paper.words import MarginType

ACCOUNT_ALIAS = "SgsRfWuXoCAu"


def totals(view: AccountView) -> dict[str, Any]:
    """The total fields at the top of an account answer."""
    row = view.totals
    return {
        "totalInitialMargin": money(row.initial_margin),
        "totalMaintMargin": money(row.maintenance_margin),
        "totalWalletBalance": money(row.wallet),
        "totalUnrealizedProfit": money(row.unrealized_pnl),
        "totalMarginBalance": money(row.margin_balance),
        "totalPositionInitialMargin": money(row.position_margin),
        "totalOpenOrderInitialMargin": money(row.open_order_margin),
        "totalCrossWalletBalance": money(row.cross_wallet),
        "totalCrossUnPnl": money(row.cross_unrealized_pnl),
        "availableBalance": money(row.available),
        "maxWithdrawAmount": money(row.max_withdraw),
    }


def asset_row(row: AssetBalance) -> dict[str, Any]:
    """One asset of an account answer."""
    return {
        "asset": row.asset,
        "walletBalance": money(row.wallet),
        "unrealizedProfit": money(row.unrealized_pnl),
        "marginBalance": money(row.margin_balance),
        "maintMargin": money(row.maintenance_margin),
        "initialMargin": money(row.initial_margin),
        "positionInitialMargin": money(row.position_margin),
        "openOrderInitialMargin": money(row.open_order_margin),
        "crossWalletBalance": money(row.cross_wallet),
        "crossUnPnl": money(row.cross_unrealized_pnl),
        "availableBalance": money(row.available),
        "maxWithdrawAmount": money(row.max_withdraw),
        "updateTime": row.updated_ms,
    }


def balance_row(row: AssetBalance) -> dict[str, Any]:
    """One row of the balance endpoints."""
    return {
        "accountAlias": ACCOUNT_ALIAS,
        "asset": row.asset,
        "balance": money(row.wallet),
        "crossWalletBalance": money(row.cross_wallet),
        "crossUnPnl": money(row.cross_unrealized_pnl),
        "availableBalance": money(row.available),
        "maxWithdrawAmount": money(row.max_withdraw),
        "marginAvailable": True,
        "updateTime": row.updated_ms,
    }


def is_shown(row: Position) -> bool:
    """Whether v3 lists this row: it has a position or an order."""
    return bool(row.qty or row.bid_notional or row.ask_notional)


def flags(view: AccountView) -> dict[str, Any]:
    """Permissions and modes, in account v2 and accountConfig."""
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "updateTime": 0,
        "multiAssetsMargin": view.is_multi_assets,
        "tradeGroupId": -1,
    }


def account_v2(
    view: AccountView, every: list[Position], renderer: Renderer
) -> dict[str, Any]:
    """Everything: all symbols with leverage, entry and margin type."""
    return {
        **flags(view),
        "feeBurn": False,
        **totals(view),
        "assets": [{**asset_row(row), "marginAvailable": True} for row in view.assets],
        "positions": [_account_position_v2(row, renderer) for row in every],
    }


def _account_position_v2(row: Position, renderer: Renderer) -> dict[str, Any]:
    return {
        "symbol": row.symbol,
        "initialMargin": money_or_zero(row.initial_margin),
        "maintMargin": money_or_zero(row.maintenance_margin),
        "unrealizedProfit": money(row.unrealized_pnl),
        "positionInitialMargin": money_or_zero(row.position_margin),
        "openOrderInitialMargin": money_or_zero(row.open_order_margin),
        "leverage": str(row.leverage),
        "isolated": row.margin_type is MarginType.ISOLATED,
        "entryPrice": entry(row.entry_price),
        "breakEvenPrice": entry(row.break_even_price),
        "maxNotional": plain(row.max_notional),
        "bidNotional": plain(row.bid_notional),
        "askNotional": plain(row.ask_notional),
        "positionSide": str(row.position_side),
        "positionAmt": renderer.qty(row.symbol, row.qty),
        "updateTime": row.updated_ms,
    }


def account_v3(view: AccountView, renderer: Renderer) -> dict[str, Any]:
    """Totals, assets, and only the symbols in use."""
    return {
        **totals(view),
        "assets": [asset_row(row) for row in view.assets],
        "positions": [
            {
                "symbol": row.symbol,
                "positionSide": str(row.position_side),
                "positionAmt": renderer.qty(row.symbol, row.qty),
                "unrealizedProfit": money(row.unrealized_pnl),
                "isolatedMargin": money_or_zero(row.isolated_margin),
                "notional": money(row.notional),
                "isolatedWallet": money_or_zero(row.isolated_wallet),
                "initialMargin": money(row.initial_margin),
                "maintMargin": money(row.maintenance_margin),
                "updateTime": row.updated_ms,
            }
            for row in view.positions
            if is_shown(row)
        ],
    }


def position_risk_v2(row: Position, renderer: Renderer) -> dict[str, Any]:
    """One row of positionRisk v1 and v2; margin types are lower case here."""
    isolated = row.margin_type is MarginType.ISOLATED
    return {
        "symbol": row.symbol,
        "positionAmt": renderer.qty(row.symbol, row.qty),
        "entryPrice": entry(row.entry_price),
        "breakEvenPrice": entry(row.break_even_price),
        "markPrice": money(row.mark_price),
        "unRealizedProfit": money(row.unrealized_pnl),
        "liquidationPrice": money_or_zero(row.liquidation_price),
        "leverage": str(row.leverage),
        "maxNotionalValue": plain(row.max_notional),
        "marginType": "isolated" if isolated else "cross",
        "isolatedMargin": money(row.isolated_margin),
        "isAutoAddMargin": "false",
        "positionSide": str(row.position_side),
        "notional": money_or_zero(row.notional),
        "isolatedWallet": money_or_zero(row.isolated_wallet),
        "updateTime": row.updated_ms,
    }


def position_risk_v3(row: Position, renderer: Renderer) -> dict[str, Any]:
    """One row of positionRisk v3: margins, but neither leverage nor margin type."""
    return {
        "symbol": row.symbol,
        "positionSide": str(row.position_side),
        "positionAmt": renderer.qty(row.symbol, row.qty),
        "entryPrice": entry(row.entry_price),
        "breakEvenPrice": entry(row.break_even_price),
        "markPrice": money(row.mark_price),
        "unRealizedProfit": money(row.unrealized_pnl),
        "liquidationPrice": money_or_zero(row.liquidation_price),
        "isolatedMargin": money_or_zero(row.isolated_margin),
        "notional": money(row.notional),
        "marginAsset": row.margin_asset,
        "isolatedWallet": money_or_zero(row.isolated_wallet),
        "initialMargin": money(row.initial_margin),
        "maintMargin": money(row.maintenance_margin),
        "positionInitialMargin": money(row.position_margin),
        "openOrderInitialMargin": money(row.open_order_margin),
        "adl": row.adl_quantile,
        "bidNotional": plain(row.bid_notional),
        "askNotional": plain(row.ask_notional),
        "updateTime": row.updated_ms,
    }
