"""Golden payloads and small builders for the Binance USD-M tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.dialect.wire import HttpAnswer
from connector.model.ids import ClientOrderId, Symbol, VenueOrderId
from connector.model.order import (
    Order,
    OrderIntent,
    OrderStatus,
    OrderType,
    Side,
)
from connector.venues.binance_usdm.dialect import BinanceUsdm

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
