"""Commands and questions of Deribit in wire words."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from connector.dialect import FillCursor, Part
from connector.errors import InvalidOrder, Unsupported
from connector.model.ids import ClientOrderId, Symbol, VenueOrderId
from connector.model.instrument import Instrument, InstrumentKind
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
from connector.venues.deribit import requests, words
from connector.venues.deribit.dialect import Deribit

DERIBIT = Deribit()
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
    return dict(DERIBIT.place(order, NAME, instrument).params)


def test_post_only_is_always_said(perpetual: Instrument) -> None:
    """Its default at the venue is true, and alone it moves the price."""
    plain = params(intent(), perpetual)
    assert plain["post_only"] == "false"
    assert "reject_post_only" not in plain
    strict = params(intent(post_only=True), perpetual)
    assert (strict["post_only"], strict["reject_post_only"]) == ("true", "true")


def test_a_limit_order(perpetual: Instrument) -> None:
    """Amount in USD, price as it was written, our label, a deadline."""
    request = DERIBIT.place(intent(), NAME, perpetual)
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
    request = DERIBIT.place(order, NAME, perpetual)
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
    trailing = intent(order_type=OrderType.TRAILING_STOP, price=None)
    with pytest.raises(Unsupported, match="trailing_offset"):
        params(replace(trailing, callback_rate=D(1)), perpetual)
    with pytest.raises(Unsupported, match="activation"):
        params(
            replace(trailing, trail_offset=D(100), activation_price=D(99000)), perpetual
        )
    with pytest.raises(Unsupported, match="batches"):
        DERIBIT.place_batch([])
    with pytest.raises(Unsupported, match="batches"):
        DERIBIT.cancel_batch([])


def test_a_trailing_stop_keeps_its_distance(perpetual: Instrument) -> None:
    """`trigger_offset` is in price units; no trigger price of its own."""
    order = intent(
        order_type=OrderType.TRAILING_STOP, price=None, trail_offset=D("250.5")
    )
    told = params(order, perpetual)
    assert (told["type"], told["trigger_offset"]) == ("trailing_stop", "250.5")
    assert told["trigger"] == "last_price"
    assert told.keys().isdisjoint({"trigger_price", "price", "time_in_force"})


@pytest.mark.parametrize(
    ("kind", "method", "pool"),
    [
        (None, "private/cancel_all", "cancel-all"),
        (InstrumentKind.OPTION, "private/cancel_all_by_kind_or_type", "matching"),
    ],
)
def test_everything_is_cancelled_in_one_call(
    kind: InstrumentKind | None, method: str, pool: str
) -> None:
    """All of the account from a pool of its own, all options from the usual one."""
    (request,) = DERIBIT.cancel_account(kind)
    assert (request.frame_method, request.priority) == (method, Priority.CANCEL)
    assert request.cost == ((pool, 1),)


def test_perpetuals_are_futures_to_the_venue() -> None:
    """Neither can be cancelled without the other: one by one then."""
    assert DERIBIT.cancel_account(InstrumentKind.PERPETUAL) == ()
    assert DERIBIT.cancel_account(InstrumentKind.FUTURE) == ()


def test_cancel_by_id_or_label(order: Order) -> None:
    """What a stop became is what is cancelled; unknown ids go by label."""
    by_label = DERIBIT.cancel(order)
    assert by_label.frame_method == "private/cancel_by_label"
    assert dict(by_label.params) == {"label": "c1-01JD3V7Q8Z", "currency": "BTC"}
    known = replace(order, venue_order_id=VenueOrderId("SLMS-1"))
    assert dict(DERIBIT.cancel(known).params) == {"order_id": "SLMS-1"}
    became = replace(known, triggered_order_id=VenueOrderId("80"))
    assert dict(DERIBIT.cancel(became).params) == {"order_id": "80"}


def test_edit_keeps_what_the_order_is(order: Order, perpetual: Instrument) -> None:
    """`amount` is the new total; post-only is said again, and refuses."""
    known = replace(order, venue_order_id=VenueOrderId("80"), post_only=True)
    request = DERIBIT.amend(known, perpetual, Terms(qty=D(10000), price=D(98000)))
    assert dict(request.params) == {
        "order_id": "80",
        "amount": "10000",
        "price": "98000",
        "post_only": "true",
        "reject_post_only": "true",
    }
    assert request.window_ms == requests.VALID_MS


def test_a_stop_gets_another_trigger(order: Order, perpetual: Instrument) -> None:
    """By `trigger_price`; one that triggers a market order has no price to give."""
    known = replace(
        order,
        venue_order_id=VenueOrderId("SLMS-1"),
        order_type=OrderType.STOP_MARKET,
        price=None,
        trigger_price=D(98000),
    )
    terms = Terms(qty=D(10000), price=None, trigger_price=D(97000))
    told = dict(DERIBIT.amend(known, perpetual, terms).params)
    assert (told["order_id"], told["trigger_price"]) == ("SLMS-1", "97000")
    assert "price" not in told


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
    recent, old = DERIBIT.query_order(order)
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
    assert [r.op for r in DERIBIT.query_order(stop)] == [
        "query_order",
        "query_label",
        "order_history",
    ]
    known = replace(stop, triggered_order_id=VenueOrderId("80"))
    asked = DERIBIT.query_order(known)
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


def test_the_rest_of_a_market_order_expired() -> None:
    """It finds nobody and cannot rest, whatever its time in force says."""
    row = ("cancelled", "good_til_cancelled", "")
    assert words.status_of(*row, is_market=True) is OrderStatus.EXPIRED


def test_fills_come_from_both_stores() -> None:
    """A day of trades, and what came before."""
    cursor = FillCursor(
        symbol=Symbol("BTC-PERPETUAL"), trade_id=None, venue_ms=0, since_ms=5
    )
    asked = DERIBIT.query_fills(cursor, now_ms=10)
    assert [dict(r.params)["historical"] for r in asked] == ["false", "true"]


def test_the_ledger_is_asked_per_currency() -> None:
    """Of instruments at stake and of wallets."""

    def currencies(symbols: list[str], assets: list[str]) -> list[str]:
        found = DERIBIT.query(
            Part.LEDGER,
            symbols=[Symbol(s) for s in symbols],
            assets=assets,
            since_ms=0,
            now_ms=1,
        )
        return [dict(request.params)["currency"] for request in found]

    assert currencies(["ETH_USDC-PERPETUAL"], ["BTC"]) == ["BTC", "USDC"]
    assert currencies([], []) == []
