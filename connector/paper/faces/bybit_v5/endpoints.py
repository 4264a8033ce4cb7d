"""Which calls exist, who may make them, and which limit they use."""

from __future__ import annotations

from dataclasses import dataclass

from connector.paper.faces.bybit_v5 import accounts, market, orders
from connector.paper.faces.bybit_v5.context import Endpoint


@dataclass(frozen=True, slots=True)
class Route:
    """One call; without an operation it is public. *trades*: needs that right."""

    endpoint: Endpoint
    operation: str = ""
    trades: bool = False


def _trade(endpoint: Endpoint, operation: str) -> Route:
    return Route(endpoint, operation, trades=True)


REST: dict[tuple[str, str], Route] = {
    ("GET", "/v5/market/time"): Route(market.time),
    ("GET", "/v5/market/instruments-info"): Route(market.instruments_info),
    ("GET", "/v5/market/risk-limit"): Route(market.risk_limit),
    ("GET", "/v5/market/tickers"): Route(market.tickers),
    ("GET", "/v5/market/orderbook"): Route(market.orderbook),
    ("GET", "/v5/market/recent-trade"): Route(market.recent_trades),
    ("GET", "/v5/system/status"): Route(market.system_status),
    ("POST", "/v5/order/create"): _trade(orders.create, "create"),
    ("POST", "/v5/order/amend"): _trade(orders.amend, "amend"),
    ("POST", "/v5/order/cancel"): _trade(orders.cancel, "cancel"),
    ("POST", "/v5/order/cancel-all"): _trade(orders.cancel_all, "cancel-all"),
    ("POST", "/v5/order/create-batch"): _trade(orders.create_batch, "create-batch"),
    ("POST", "/v5/order/amend-batch"): _trade(orders.amend_batch, "amend-batch"),
    ("POST", "/v5/order/cancel-batch"): _trade(orders.cancel_batch, "cancel-batch"),
    ("GET", "/v5/order/realtime"): Route(orders.realtime, "realtime"),
    ("GET", "/v5/order/history"): Route(orders.history, "history"),
    ("GET", "/v5/execution/list"): Route(orders.executions, "executions"),
    ("GET", "/v5/position/list"): Route(accounts.positions, "positions"),
    ("POST", "/v5/position/set-leverage"): _trade(accounts.set_leverage, "leverage"),
    ("POST", "/v5/position/switch-mode"): _trade(accounts.switch_mode, "position-mode"),
    ("POST", "/v5/account/set-margin-mode"): _trade(
        accounts.margin_mode, "margin-mode"
    ),
    ("GET", "/v5/account/info"): Route(accounts.account_info, "account"),
    ("GET", "/v5/account/user-setting-config"): Route(
        accounts.user_settings, "account"
    ),
    ("GET", "/v5/account/wallet-balance"): Route(accounts.wallet_balance, "wallet"),
    ("GET", "/v5/account/fee-rate"): Route(accounts.fee_rate, "fee-rate"),
    ("GET", "/v5/account/transaction-log"): Route(accounts.transaction_log, "ledger"),
    ("GET", "/v5/user/query-api"): Route(accounts.key_info, "key-info"),
    ("POST", "/v5/order/disconnected-cancel-all"): _trade(accounts.dead_man, "dcp"),
    ("GET", "/v5/account/query-dcp-info"): Route(accounts.dead_man, "dcp"),
    ("GET", "/v5/asset/coin/query-info"): Route(accounts.coin_info, "assets"),
}

TRADE: dict[str, Route] = {
    f"order.{name}": REST["POST", f"/v5/order/{name}"]
    for name in (
        "create",
        "amend",
        "cancel",
        "create-batch",
        "amend-batch",
        "cancel-batch",
    )
}
