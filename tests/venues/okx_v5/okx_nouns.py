"""Golden payloads, orders and instruments for the tests of OKX v5."""

from __future__ import annotations

import json
from decimal import Decimal as D
from pathlib import Path
from typing import Any

from connector.dialect.wire import HttpAnswer, Reply, Request
from connector.model.credentials import ApiKey, Credentials, KeyKind, Secret
from connector.model.ids import ClientOrderId, Symbol, VenueOrderId
from connector.model.instrument import Instrument, InstrumentKind
from connector.model.order import (
    Order,
    OrderIntent,
    OrderStatus,
    OrderType,
    Side,
)
from connector.venues.okx_v5.dialect import OkxV5
from connector.venues.signing import Signer, make_signer

GOLDEN = Path(__file__).parents[2] / "golden/okx_v5"
DIALECT = OkxV5()
BTC = Symbol("BTC-USDT-SWAP")
NAME = ClientOrderId("gold0001")
VECTORS = json.loads((GOLDEN / "auth_vectors.json").read_text())


def golden(name: str) -> Any:
    """A golden file."""
    return json.loads((GOLDEN / f"{name}.json").read_text())


def raw(body: object) -> bytes:
    """JSON bytes as the venue sends them."""
    return json.dumps(body, separators=(",", ":")).encode()


def answered(request: Request, body: object, status: int = 200) -> Reply:
    """What the dialect makes of an answer."""
    answer = HttpAnswer(status=status, headers={}, body=raw(body))
    return DIALECT.read_answer(request, answer)


def signer(passphrase: str | None = "Passw0rd!test") -> Signer:
    """The key of the vectors."""
    return make_signer(
        Credentials(
            api_key=ApiKey("0a1b2c3d-4e5f-6789-abcd-ef0123456789"),
            secret=Secret(VECTORS["secret"]),
            kind=KeyKind.HMAC,
            passphrase=None if passphrase is None else Secret(passphrase),
        )
    )


def instrument(**given: Any) -> Instrument:
    """BTC-USDT-SWAP: a contract is 0.01 BTC, the lot a hundredth of that."""
    base: dict[str, Any] = {
        "symbol": BTC,
        "kind": InstrumentKind.PERPETUAL,
        "base": "BTC",
        "quote": "USDT",
        "settle": "USDT",
        "tick_size": D("0.1"),
        "qty_step": D("0.0001"),
        "min_qty": D("0.0001"),
        "max_qty": D(1000000),
        "market_max_qty": D(120),
        "qty_unit": D("0.01"),
        "wire_code": "10459",
    }
    return Instrument(**{**base, **given})


def intent(**given: Any) -> OrderIntent:
    """Buy 0.03 BTC at 61000."""
    base: dict[str, Any] = {
        "symbol": BTC,
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "qty": D("0.03"),
        "price": D(61000),
    }
    return OrderIntent(**{**base, **given})


def order(**given: Any) -> Order:
    """An open order with both ids."""
    base: dict[str, Any] = {
        "client_order_id": NAME,
        "venue_order_id": VenueOrderId("2990011223344120386"),
        "symbol": BTC,
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "status": OrderStatus.NEW,
        "qty": D("0.03"),
        "price": D(61000),
    }
    return Order(**{**base, **given})
