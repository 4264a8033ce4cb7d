"""Golden payloads and small builders for the Binance USD-M tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.dialect import FillCursor, Part
from connector.dialect.wire import HttpAnswer, Request
from connector.model.account import MarginMode
from connector.model.ids import ClientOrderId, Symbol, VenueOrderId
from connector.model.order import (
    Order,
    OrderIntent,
    OrderStatus,
    OrderType,
    Side,
    Terms,
)
from connector.venues.binance_usdm import requests
from connector.venues.binance_usdm.dialect import BinanceUsdm

BTC = Symbol("BTCUSDT")
GOLDEN = Path(__file__).parents[2] / "golden" / "binance_usdm"


@pytest.fixture(scope="session")
def dialect() -> BinanceUsdm:
    return BinanceUsdm()


@pytest.fixture(scope="session")
def golden() -> Callable[[str], Any]:
    """A golden file by name: a document, or a list of documents for .jsonl."""

    def read(name: str) -> Any:

        text = (GOLDEN / name).read_text(encoding="utf-8")
        if name.endswith(".jsonl"):
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        return json.loads(text)

    return read


@pytest.fixture(scope="session")
def intent() -> Callable[..., OrderIntent]:
    """A limit buy of 0.010 BTCUSDT at 60000, but for what is given."""

    def build(**given: Any) -> OrderIntent:
        base: dict[str, Any] = {
            "symbol": Symbol("BTCUSDT"),
            "side": Side.BUY,
            "order_type": OrderType.LIMIT,
            "qty": Decimal("0.010"),
            "price": Decimal("60000.00"),
        }
        return OrderIntent(**{**base, **given})

    return build


@pytest.fixture(scope="session")
def order() -> Callable[..., Order]:
    """An open limit buy known by both ids, but for what is given."""

    def build(**given: Any) -> Order:
        base: dict[str, Any] = {
            "client_order_id": ClientOrderId("cx1"),
            "venue_order_id": VenueOrderId("715550001234"),
            "symbol": Symbol("BTCUSDT"),
            "side": Side.BUY,
            "order_type": OrderType.LIMIT,
            "status": OrderStatus.NEW,
            "qty": Decimal("0.010"),
            "price": Decimal("60000"),
        }
        return Order(**{**base, **given})

    return build


@pytest.fixture(scope="session")
def answer() -> Callable[..., HttpAnswer]:
    """An HTTP answer; a body that is not bytes becomes JSON."""

    def build(body: Any, status: int = 200, **headers: str) -> HttpAnswer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return HttpAnswer(status=status, headers=named, body=raw)

    return build


@pytest.fixture
def ask(
    dialect: BinanceUsdm,
    intent: Callable[..., OrderIntent],
    order: Callable[..., Order],
) -> dict[str, Request]:
    """One request of every kind, by name."""
    stop = order(
        order_type=OrderType.STOP_MARKET,
        venue_order_id=VenueOrderId("1000000033225453"),
    )
    snapshot = {
        request.op: request
        for part in Part
        for request in dialect.query(part, symbols=[BTC], since_ms=0, now_ms=10**12)
    }
    cursor = FillCursor(symbol=BTC, trade_id=None, venue_ms=0, since_ms=0)
    return {
        **snapshot,
        "place": dialect.place(intent(), ClientOrderId("cx-20261122-000001"), None),
        "place_conditional": dialect.place(
            intent(
                order_type=OrderType.STOP_MARKET,
                price=None,
                trigger_price=Decimal(58000),
            ),
            ClientOrderId("cx-20261122-a0001"),
            None,
        ),
        "place_batch": dialect.place_batch(
            [
                (intent(), ClientOrderId("cx-b-1"), None),
                (intent(), ClientOrderId("cx-b-2"), None),
            ]
        ),
        "amend": dialect.amend(order(), None, Terms(qty=Decimal(1), price=Decimal(2))),
        "cancel": dialect.cancel(order()),
        "cancel_conditional": dialect.cancel(stop),
        "cancel_batch": dialect.cancel_batch([order(), order()]),
        "cancel_all": dialect.cancel_all(BTC)[0],
        "set_leverage": dialect.set_leverage(BTC, 20),
        "set_margin_mode": dialect.set_margin_mode(BTC, MarginMode.ISOLATED),
        "set_hedge_mode": dialect.set_hedge_mode(is_hedge=True),
        "dead_man": dialect.dead_man(BTC, 120_000),
        "server_time": dialect.server_time(),
        "query_order": dialect.query_order(order())[0],
        "query_conditional": dialect.query_order(stop)[0],
        "fills": dialect.query_fills(cursor, now_ms=1000)[0],
        "listen_key_start": requests.listen_key("listen_key_start"),
        "listen_key_keepalive": requests.listen_key("listen_key_keepalive"),
    }
