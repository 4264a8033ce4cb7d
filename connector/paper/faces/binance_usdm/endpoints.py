"""Which calls exist, who may make them, and what they cost.

Weights and order costs: Binance USDⓈ-M docs, endpoint pages, read 2026-11. A
query without a symbol may cost more (``weight_all``). The ``sapi`` paths live on
another host with another pool in the real world; they are served here so that a
client needs one address only, and cost nothing of the futures pool.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from connector.paper.faces.binance_usdm import (
    algos,
    candles,
    listen,
    orders,
    prices,
    settings,
)
from connector.paper.faces.binance_usdm.context import Endpoint


class Security(Enum):
    """What a call must prove."""

    NONE = auto()
    KEY = auto()  # header only
    READ = auto()  # signed, reading
    TRADE = auto()  # signed, trading


@dataclass(frozen=True, slots=True)
class Route:
    """One call: its function, security, weight and order costs."""

    endpoint: Endpoint
    security: Security
    weight: int = 1
    orders_10s: int = 0
    orders_1m: int = 0
    weight_all: int | None = None

    def cost(self, *, has_symbol: bool) -> int:
        """Weight of one call."""
        if self.weight_all is not None and not has_symbol:
            return self.weight_all
        return self.weight

    @property
    def is_order(self) -> bool:
        """Whether it counts as an order."""
        return self.orders_10s > 0


N, K, R, T = Security.NONE, Security.KEY, Security.READ, Security.TRADE

PUBLIC: dict[tuple[str, str], Route] = {
    ("GET", "/fapi/v1/ping"): Route(prices.ping, N),
    ("GET", "/fapi/v1/time"): Route(prices.time, N),
    ("GET", "/fapi/v1/exchangeInfo"): Route(prices.exchange_info, N),
    ("GET", "/fapi/v1/premiumIndex"): Route(prices.premium_index, N, weight_all=10),
    ("GET", "/fapi/v1/ticker/bookTicker"): Route(prices.book_ticker, N, 2, 0, 0, 5),
    ("GET", "/fapi/v1/ticker/price"): Route(prices.ticker_price, N, 1, 0, 0, 2),
    ("GET", "/fapi/v2/ticker/price"): Route(prices.ticker_price, N, 1, 0, 0, 2),
    ("GET", "/fapi/v1/ticker/24hr"): Route(prices.ticker_24hr, N, 1, 0, 0, 40),
    ("GET", "/fapi/v1/depth"): Route(prices.depth, N, 10),
    ("GET", "/fapi/v1/trades"): Route(prices.trades, N, 5),
    ("GET", "/fapi/v1/historicalTrades"): Route(prices.trades, K, 20),
    ("GET", "/fapi/v1/aggTrades"): Route(prices.agg_trades, N, 20),
    ("GET", "/fapi/v1/klines"): Route(candles.klines, N, 5),
    ("GET", "/fapi/v1/continuousKlines"): Route(candles.continuous_klines, N, 5),
    ("GET", "/fapi/v1/markPriceKlines"): Route(candles.mark_klines, N, 5),
    ("GET", "/fapi/v1/indexPriceKlines"): Route(candles.index_klines, N, 5),
    ("GET", "/fapi/v1/openInterest"): Route(candles.open_interest, N),
    ("GET", "/fapi/v1/fundingRate"): Route(prices.funding_rate, N),
    ("GET", "/fapi/v1/fundingInfo"): Route(prices.funding_info, N),
}

ORDERS: dict[tuple[str, str], Route] = {
    ("POST", "/fapi/v1/order"): Route(orders.place, T, 0, 1, 1),
    ("POST", "/fapi/v1/order/test"): Route(orders.place_test, T, 0),
    ("PUT", "/fapi/v1/order"): Route(orders.amend_rest, T, 0, 1, 1),
    ("DELETE", "/fapi/v1/order"): Route(orders.cancel, T),
    ("GET", "/fapi/v1/order"): Route(orders.query, R),
    ("GET", "/fapi/v1/openOrder"): Route(orders.query_open, R),
    ("GET", "/fapi/v1/openOrders"): Route(orders.list_open, R, weight_all=40),
    ("GET", "/fapi/v1/allOrders"): Route(orders.list_all, R, 5),
    ("DELETE", "/fapi/v1/allOpenOrders"): Route(orders.cancel_all, T),
    ("POST", "/fapi/v1/batchOrders"): Route(orders.batch_place, T, 5, 5, 1),
    ("PUT", "/fapi/v1/batchOrders"): Route(orders.batch_amend, T, 5, 5, 1),
    ("DELETE", "/fapi/v1/batchOrders"): Route(orders.batch_cancel, T),
    ("POST", "/fapi/v1/countdownCancelAll"): Route(orders.countdown, T, 10),
    ("GET", "/fapi/v1/orderAmendment"): Route(orders.amendments, R),
    ("GET", "/fapi/v1/userTrades"): Route(orders.user_trades, R, 5),
    ("GET", "/fapi/v1/forceOrders"): Route(orders.forced, R, 20, 0, 0, 50),
    ("POST", "/fapi/v1/algoOrder"): Route(algos.place, T, 0, 1, 1),
    ("DELETE", "/fapi/v1/algoOrder"): Route(algos.cancel, T),
    ("DELETE", "/fapi/v1/algoOpenOrders"): Route(algos.cancel_all, T),
    ("GET", "/fapi/v1/algoOrder"): Route(algos.query, R),
    ("GET", "/fapi/v1/openAlgoOrders"): Route(algos.list_open, R, weight_all=40),
    ("GET", "/fapi/v1/allAlgoOrders"): Route(algos.list_all, R, 5),
}

ACCOUNT: dict[tuple[str, str], Route] = {
    ("GET", "/fapi/v1/account"): Route(settings.account_v2, R, 5),
    ("GET", "/fapi/v2/account"): Route(settings.account_v2, R, 5),
    ("GET", "/fapi/v3/account"): Route(settings.account_v3, R, 5),
    ("GET", "/fapi/v1/balance"): Route(settings.balance, R, 5),
    ("GET", "/fapi/v2/balance"): Route(settings.balance, R, 5),
    ("GET", "/fapi/v3/balance"): Route(settings.balance, R, 5),
    ("GET", "/fapi/v1/positionRisk"): Route(settings.position_risk_v2, R, 5),
    ("GET", "/fapi/v2/positionRisk"): Route(settings.position_risk_v2, R, 5),
    ("GET", "/fapi/v3/positionRisk"): Route(settings.position_risk_v3, R, 5),
    ("GET", "/fapi/v1/accountConfig"): Route(settings.account_config, R, 5),
    ("GET", "/fapi/v1/symbolConfig"): Route(settings.symbol_config, R, 5),
    ("GET", "/fapi/v1/leverageBracket"): Route(settings.leverage_bracket, R),
    ("GET", "/fapi/v1/commissionRate"): Route(settings.commission_rate, R, 20),
    ("GET", "/fapi/v1/income"): Route(settings.income, R, 30),
    ("POST", "/fapi/v1/leverage"): Route(settings.set_leverage, T),
    ("POST", "/fapi/v1/marginType"): Route(settings.set_margin_type, T),
    ("GET", "/fapi/v1/positionSide/dual"): Route(settings.get_position_mode, R, 30),
    ("POST", "/fapi/v1/positionSide/dual"): Route(settings.set_position_mode, T),
    ("GET", "/fapi/v1/multiAssetsMargin"): Route(settings.get_multi_assets, R, 30),
    ("POST", "/fapi/v1/multiAssetsMargin"): Route(settings.set_multi_assets, T),
    ("POST", "/fapi/v1/positionMargin"): Route(settings.adjust_margin, T),
    ("GET", "/fapi/v1/positionMargin/history"): Route(settings.margin_history, T),
    ("GET", "/fapi/v1/adlQuantile"): Route(settings.adl_quantile, R, 5),
    ("GET", "/fapi/v1/feeBurn"): Route(settings.fee_burn, R, 30),
    ("GET", "/fapi/v1/apiTradingStatus"): Route(
        settings.trading_status, R, weight_all=10
    ),
    ("GET", "/fapi/v1/rateLimit/order"): Route(settings.rate_limit_order, R),
    ("POST", "/fapi/v1/listenKey"): Route(listen.start, K),
    ("PUT", "/fapi/v1/listenKey"): Route(listen.extend, K),
    ("DELETE", "/fapi/v1/listenKey"): Route(listen.close, K),
}

OTHER_HOST: dict[tuple[str, str], Route] = {
    ("GET", "/sapi/v1/account/apiRestrictions"): Route(settings.api_restrictions, R, 0),
    ("GET", "/sapi/v1/capital/config/getall"): Route(prices.empty_list, R, 0),
    ("GET", "/sapi/v1/margin/allPairs"): Route(prices.empty_list, K, 0),
    ("GET", "/sapi/v1/margin/isolated/allPairs"): Route(prices.empty_list, R, 0),
}

REST: dict[tuple[str, str], Route] = {**PUBLIC, **ORDERS, **ACCOUNT, **OTHER_HOST}

WS_API: dict[str, Route] = {
    "order.place": ORDERS["POST", "/fapi/v1/order"],
    "order.modify": Route(orders.amend, T, 0, 1, 1),
    "order.cancel": ORDERS["DELETE", "/fapi/v1/order"],
    "order.status": ORDERS["GET", "/fapi/v1/order"],
    "algoOrder.place": Route(algos.place_by_socket, T, 0, 1, 1),
    "algoOrder.cancel": ORDERS["DELETE", "/fapi/v1/algoOrder"],
    "account.balance": ACCOUNT["GET", "/fapi/v2/balance"],
    "v2/account.balance": ACCOUNT["GET", "/fapi/v3/balance"],
    "account.status": ACCOUNT["GET", "/fapi/v2/account"],
    "v2/account.status": ACCOUNT["GET", "/fapi/v3/account"],
    "account.position": ACCOUNT["GET", "/fapi/v2/positionRisk"],
    "v2/account.position": ACCOUNT["GET", "/fapi/v3/positionRisk"],
    "userDataStream.start": ACCOUNT["POST", "/fapi/v1/listenKey"],
    "userDataStream.ping": ACCOUNT["PUT", "/fapi/v1/listenKey"],
    "userDataStream.stop": ACCOUNT["DELETE", "/fapi/v1/listenKey"],
    "depth": Route(prices.depth, N, 10),
    "ticker.price": Route(prices.ticker_price, N, 1, 0, 0, 2),
    "ticker.book": Route(prices.book_ticker, N, 2, 0, 0, 5),
}
