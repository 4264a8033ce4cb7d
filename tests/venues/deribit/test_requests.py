"""Commands and questions of Deribit in wire words."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from connector.dialect import FillCursor, Part
from connector.errors import InvalidOrder, Unsupported
from connector.model.ids import ClientOrderId, Symbol, VenueOrderId
from connector.model.instrument import Instrument
from connector.model.limits import Priority
from connector.model.noun import replace
from connector.model.order import (
    Order,
    OrderIntent,
    OrderStatus,
    OrderType,
    PriceUnit,
    Side,
    Terms,
)
from connector.model.order import TimeInForce as Tif
from connector.venues.deribit import questions, requests, words

NAME = ClientOrderId("c1abc")


def intent(**changes: object) -> OrderIntent:
    return replace(
        OrderIntent(
            symbol=Symbol("BTC-PERPETUAL"),
            side=Side.BUY,
            order_type=OrderType.LIMIT,
            qty=D(20),
            price=D("99500.5"),
        ),
        **changes,
    )


def params(order: OrderIntent, instrument: Instrument) -> dict[str, str]:
    return dict(requests.place(order, NAME, instrument).params)


def test_post_only_is_always_said(perpetual: Instrument) -> None:
    """Its default at the venue is true, and alone it moves the price."""
    plain = params(intent(), perpetual)
    assert plain["post_only"] == "false"
    assert "reject_post_only" not in plain
    strict = params(intent(post_only=True), perpetual)
    assert (strict["post_only"], strict["reject_post_only"]) == ("true", "true")


def test_a_limit_order(perpetual: Instrument) -> None:
    """Amount in USD, price as it was written, our label, a deadline."""
    request = requests.place(intent(), NAME, perpetual)
    assert dict(request.params) == {
        "instrument_name": "BTC-PERPETUAL",
        "amount": "20",
        "type": "limit",
        "label": "c1abc",
        "post_only": "false",
        "reduce_only": "false",
        "price": "99500.5",
        "time_in_force": "good_til_cancelled",
    }
    assert request.window_ms == requests.VALID_MS
    assert request.frame_method == "private/buy"


def test_market_orders_have_no_lifetime(perpetual: Instrument) -> None:
    """No `time_in_force` on market types."""
    told = params(intent(order_type=OrderType.MARKET, price=None), perpetual)
    assert "time_in_force" not in told
    assert "price" not in told


def test_a_stop(perpetual: Instrument) -> None:
    """Trigger and its price; reduce-only goes before everything else."""
    order = intent(
        side=Side.SELL,
        order_type=OrderType.STOP_MARKET,
        price=None,
        trigger_price=D(95000),
        reduce_only=True,
    )
    request = requests.place(order, NAME, perpetual)
    told = dict(request.params)
    assert (told["type"], told["trigger"]) == ("stop_market", "last_price")
    assert told["trigger_price"] == "95000"
    assert request.priority is Priority.CANCEL


@pytest.mark.parametrize(
    ("unit", "word"), [(PriceUnit.USD, "usd"), (PriceUnit.VOLATILITY, "implv")]
)
def test_option_prices_in_other_units(
    option: Instrument, unit: PriceUnit, word: str
) -> None:
    """`advanced`: the venue follows with the price in coin."""
    told = params(intent(symbol=option.symbol, price_unit=unit), option)
    assert told["advanced"] == word


def test_what_the_venue_cannot_do(perpetual: Instrument) -> None:
    """Said before anything is sent, with what is allowed."""
    with pytest.raises(Unsupported, match="use FOK, GTC, IOC"):
        params(intent(time_in_force=Tif.GTD), perpetual)
    with pytest.raises(InvalidOrder, match="options only"):
        params(intent(price_unit=PriceUnit.USD), perpetual)
    with pytest.raises(Unsupported, match="trailing"):
        params(intent(order_type=OrderType.TRAILING_STOP, price=None), perpetual)


def test_cancel_by_id_or_label(order: Order) -> None:
    """What a stop became is what is cancelled; unknown ids go by label."""
    by_label = requests.cancel(order)
    assert by_label.frame_method == "private/cancel_by_label"
    assert dict(by_label.params) == {"label": "c1-01JD3V7Q8Z", "currency": "BTC"}
    known = replace(order, venue_order_id=VenueOrderId("SLMS-1"))
    assert dict(requests.cancel(known).params) == {"order_id": "SLMS-1"}
    became = replace(known, triggered_order_id=VenueOrderId("80"))
    assert dict(requests.cancel(became).params) == {"order_id": "80"}


def test_edit_keeps_what_the_order_is(order: Order) -> None:
    """`amount` is the new total; post-only is said again, and refuses."""
    known = replace(order, venue_order_id=VenueOrderId("80"), post_only=True)
    request = requests.amend(known, Terms(qty=D(10000), price=D(98000)))
    assert dict(request.params) == {
        "order_id": "80",
        "amount": "10000",
        "price": "98000",
        "post_only": "true",
        "reject_post_only": "true",
    }
    assert request.window_ms == requests.VALID_MS


@pytest.mark.parametrize(
    ("symbol", "currency"),
    [
        ("BTC-PERPETUAL", "BTC"),
        ("BTC-25DEC26-110000-C", "BTC"),
        ("ETH_USDC-PERPETUAL", "USDC"),
        ("XRP_USDC-25DEC26-1d2-P", "USDC"),
    ],
)
def test_the_currency_of_a_name(symbol: str, currency: str) -> None:
    """Calls name the settlement currency."""
    assert words.currency_of(Symbol(symbol)) == currency


def test_an_order_is_asked_for_in_both_stores(order: Order) -> None:
    """By label among the recent ones, and in the historical store, back to before
    it was made: absence in one of them proves nothing."""
    recent, old = questions.query_order(order)
    assert recent.op == "query_label"
    assert dict(old.params)["historical"] == "true"
    assert dict(old.params)["include_unfilled"] == "true"
    assert int(old.context["since"]) < order.created_ns // 10**6


def test_what_a_stop_became_has_its_label(order: Order) -> None:
    """A stop known by its id, whose order is not: the label finds both."""
    stop = replace(
        order,
        order_type=OrderType.STOP_MARKET,
        venue_order_id=VenueOrderId("SLMS-1"),
    )
    assert [r.op for r in questions.query_order(stop)] == [
        "query_order",
        "query_label",
        "order_history",
    ]
    known = replace(stop, triggered_order_id=VenueOrderId("80"))
    asked = questions.query_order(known)
    assert [dict(r.params).get("order_id") for r in asked[:2]] == ["80", "SLMS-1"]
    assert asked[2].context["ids"] == "80 SLMS-1"


@pytest.mark.parametrize(
    ("reason", "tif", "status"),
    [
        ("user_request", "good_til_cancelled", OrderStatus.CANCELED),
        ("cancel_on_disconnect", "good_til_cancelled", OrderStatus.CANCELED),
        ("user_request", "immediate_or_cancel", OrderStatus.EXPIRED),
        ("risk_mitigation", "good_til_cancelled", OrderStatus.EXPIRED),
        ("autoliquidation", "good_til_cancelled", OrderStatus.EXPIRED),
        ("settlement", "good_til_cancelled", OrderStatus.EXPIRED),
        ("something_new", "good_til_cancelled", OrderStatus.EXPIRED),
    ],
)
def test_who_wanted_the_end(reason: str, tif: str, status: OrderStatus) -> None:
    """Cancelled is what the user asked for; the rest ended without them."""
    assert words.status_of("cancelled", tif, reason) is status


def test_fills_come_from_both_stores() -> None:
    """A day of trades, and what came before."""
    cursor = FillCursor(
        symbol=Symbol("BTC-PERPETUAL"), trade_id=None, venue_ms=0, since_ms=5
    )
    asked = questions.query_fills(cursor, now_ms=10)
    assert [dict(r.params)["historical"] for r in asked] == ["false", "true"]


def test_the_ledger_is_asked_per_currency() -> None:
    """Of instruments at stake and of wallets."""

    def currencies(symbols: list[str], assets: list[str]) -> list[str]:
        found = questions.query(
            Part.LEDGER,
            symbols=[Symbol(s) for s in symbols],
            assets=assets,
            since_ms=0,
            now_ms=1,
        )
        return [dict(request.params)["currency"] for request in found]

    assert currencies(["ETH_USDC-PERPETUAL"], ["BTC"]) == ["BTC", "USDC"]
    assert currencies([], []) == []
