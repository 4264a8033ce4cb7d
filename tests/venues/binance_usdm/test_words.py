"""Tests of words: statuses, reasons and origins, known and unknown."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connector.model.order import OrderStatus, OrderType, Origin
from connector.venues.binance_usdm.words import (
    LIFETIMES,
    algo_status_of,
    conditional_type,
    expiry_text,
    origin_of,
    status_of,
)

D = Decimal


@pytest.mark.parametrize(
    ("word", "qty", "filled", "expected"),
    [
        ("NEW", "1", "0", (OrderStatus.NEW, "")),
        ("FILLED", "1", "1", (OrderStatus.FILLED, "")),
        ("EXPIRED_IN_MATCH", "1", "0", (OrderStatus.EXPIRED, "EXPIRED_IN_MATCH")),
        ("NEW_ADL", "1", "0", (OrderStatus.NEW, "NEW_ADL")),
        ("???", "1", "0.5", (OrderStatus.PARTIALLY_FILLED, "???")),
        ("???", "1", "1", (OrderStatus.FILLED, "???")),
    ],
)
def test_status(word: str, qty: str, filled: str, expected) -> None:
    """A word nobody knows never ends an order, unless all of it is filled."""
    assert expected == status_of(word, D(qty), D(filled))


@pytest.mark.parametrize(
    ("word", "qty", "filled", "status"),
    [
        ("TRIGGERING", "1", "0", OrderStatus.NEW),
        ("TRIGGERED", "1", "0.5", OrderStatus.PARTIALLY_FILLED),
        ("FINISHED", "1", "1", OrderStatus.FILLED),
        ("FINISHED", "1", "0.5", OrderStatus.CANCELED),
        ("FINISHED", "1", "0", OrderStatus.CANCELED),
        ("FINISHED", None, "0.5", OrderStatus.FILLED),
        ("FINISHED", None, "0", OrderStatus.CANCELED),
        ("EXPIRED", "1", "0", OrderStatus.EXPIRED),
        ("???", None, "0", OrderStatus.NEW),
    ],
)
def test_conditional_status(word: str, qty: str | None, filled: str, status) -> None:
    """FINISHED only tells that the order it became has ended; one that closes a
    position has no quantity of its own."""
    assert status is algo_status_of(word, D(qty) if qty else None, D(filled))[0]


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (OrderStatus.EXPIRED, "2", "IOC remainder"),
        (OrderStatus.EXPIRED, 2, "IOC remainder"),
        (OrderStatus.EXPIRED, "77", "expiry reason 77"),
        (OrderStatus.EXPIRED, "0", ""),
        (OrderStatus.CANCELED, "2", ""),
    ],
)
def test_expiry(status: OrderStatus, code: str | int, text: str) -> None:
    """Told for expired orders only; unknown numbers are kept."""
    assert text == expiry_text(status, code)


@pytest.mark.parametrize(
    ("client_id", "origin"),
    [
        ("autoclose-1795345200040000020", Origin.LIQUIDATION),
        ("adl_autoclose", Origin.ADL),
        ("adl_autoclose_12", Origin.ADL),
        ("settlement_autoclose-9999", Origin.SETTLEMENT),
        ("delivery_autoclose-1", Origin.SETTLEMENT),
        ("web_abc", None),
        ("my-autoclose-1", None),
        ("", None),
    ],
)
def test_origin(client_id: str, origin: Origin | None) -> None:
    """By prefix; everything else is for core to tell."""
    assert origin is origin_of(client_id)


@pytest.mark.parametrize(
    ("word", "price", "order_type"),
    [
        ("STOP", "1", OrderType.STOP_LIMIT),
        ("TRAILING_STOP_MARKET", None, OrderType.TRAILING_STOP),
        ("SOMETHING_NEW", None, OrderType.STOP_MARKET),
        ("SOMETHING_NEW", "1", OrderType.STOP_LIMIT),
        ("LIMIT", "1", OrderType.STOP_LIMIT),
    ],
)
def test_what_the_algo_service_holds_stays_conditional(word, price, order_type):
    """Of whatever kind: its cancel must go to the same service."""
    assert order_type is conditional_type(word, D(price) if price else None)


def test_lifetimes() -> None:
    """GTX and RPI are post-only, the others are what they say."""
    assert {word: post for word, (_, post) in LIFETIMES.items() if post} == {
        "GTX": True,
        "RPI": True,
    }
    for word in ("GTC", "IOC", "FOK", "GTD"):
        assert LIFETIMES[word][0] == word
