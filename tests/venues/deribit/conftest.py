"""Golden payloads of Deribit, and what the tests of its dialect share."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.model.credentials import ApiKey, Credentials, KeyKind, Secret
from connector.model.ids import ClientOrderId, Symbol
from connector.model.instrument import Instrument, InstrumentKind
from connector.model.order import Order, OrderStatus, OrderType, Side
from connector.venues.signing import Signer, make_signer

GOLDEN = Path(__file__).parents[2] / "golden" / "deribit"
D = Decimal


@pytest.fixture(scope="session")
def frames() -> Callable[[str], list[dict[str, Any]]]:
    """Frames of a golden file, in order: {dir, via, frame}, numbers as written."""

    def load(name: str) -> list[dict[str, Any]]:
        text = (GOLDEN / f"{name}.json").read_text()
        rows: list[dict[str, Any]] = json.loads(text)["frames"]
        return rows

    return load


@pytest.fixture(scope="session")
def answers(
    frames: Callable[[str], list[dict[str, Any]]],
) -> Callable[[str], list[tuple[dict[str, Any] | None, bytes]]]:
    """(request, answer as bytes) pairs of a golden file, matched by id."""

    def load(name: str) -> list[tuple[dict[str, Any] | None, bytes]]:
        asked: dict[Any, dict[str, Any]] = {}
        pairs = []
        for row in frames(name):
            frame = row["frame"]
            if row["dir"] == "c2s":
                asked[frame["id"]] = frame
            else:
                pairs.append((asked.get(frame.get("id")), json.dumps(frame).encode()))
        return pairs

    return load


@pytest.fixture
def signer() -> Signer:
    """The key of the venue's documentation."""
    return make_signer(
        Credentials(
            api_key=ApiKey("AMANDA"),
            secret=Secret("AMANDASECRECT"),
            kind=KeyKind.HMAC,
        )
    )


@pytest.fixture
def perpetual() -> Instrument:
    """The inverse perpetual, quantities in USD."""
    return Instrument(
        symbol=Symbol("BTC-PERPETUAL"),
        kind=InstrumentKind.PERPETUAL,
        base="BTC",
        quote="USD",
        settle="BTC",
        tick_size=D("0.5"),
        qty_step=D(10),
        min_qty=D(10),
        max_qty=D(10**9),
        market_max_qty=D(10**9),
        is_inverse=True,
    )


@pytest.fixture
def option() -> Instrument:
    """A call, priced in coin."""
    return Instrument(
        symbol=Symbol("BTC-25DEC26-110000-C"),
        kind=InstrumentKind.OPTION,
        base="BTC",
        quote="BTC",
        settle="BTC",
        tick_size=D("0.0001"),
        qty_step=D("0.1"),
        min_qty=D("0.1"),
        max_qty=D(10**6),
        market_max_qty=D(10**6),
    )


@pytest.fixture
def order() -> Order:
    """An order that the venue knows."""
    return Order(
        client_order_id=ClientOrderId("c1-01JD3V7Q8Z"),
        venue_order_id=None,
        symbol=Symbol("BTC-PERPETUAL"),
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        status=OrderStatus.NEW,
        qty=D(20000),
        price=D(99500),
        created_ns=1795168800000 * 10**6,
    )
