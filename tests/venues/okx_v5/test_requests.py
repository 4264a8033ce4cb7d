"""Commands in wire words: contracts, kinds, limits, and what is refused here."""

from __future__ import annotations

import re
from decimal import Decimal as D
from typing import Any

import pytest
from okx_nouns import BTC, DIALECT, NAME, instrument, intent, order

from connector.dialect import Capability
from connector.errors import InvalidOrder, Unsupported
from connector.model.account import MarginMode
from connector.model.ids import ClientOrderId, Symbol, VenueOrderId
from connector.model.limits import Priority
from connector.model.order import (
    Exit,
    OrderType,
    PositionSide,
    SelfTradePrevention,
    Side,
    Terms,
    TimeInForce,
    TriggerPriceType,
)

STOP = {
    "order_type": OrderType.STOP_MARKET,
    "price": None,
    "trigger_price": D(60000),
    "side": Side.SELL,
}


MARK = TriggerPriceType.MARK


def placed(**given: Any) -> dict[str, Any]:
    """The body of a placement."""
    body = DIALECT.place(intent(**given), NAME, instrument()).body
    assert isinstance(body, dict)
    return body


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, {"ordType": "limit", "sz": "3", "px": "61000", "posSide": "net"}),
        ({"post_only": True}, {"ordType": "post_only"}),
        ({"time_in_force": TimeInForce.IOC}, {"ordType": "ioc"}),
        ({"time_in_force": TimeInForce.FOK}, {"ordType": "fok"}),
        ({"order_type": OrderType.MARKET, "price": None}, {"ordType": "market"}),
        ({"qty": D("0.0001")}, {"sz": "0.01"}),
        ({"reduce_only": True}, {"reduceOnly": True}),
        (
            {"self_trade_prevention": SelfTradePrevention.EXPIRE_TAKER},
            {"stpMode": "cancel_taker"},
        ),
        ({"position_side": PositionSide.LONG}, {"posSide": "long"}),
        (
            STOP,
            {
                "ordType": "conditional",
                "slTriggerPx": "60000",
                "slTriggerPxType": "last",
                "slOrdPx": "-1",
                "algoClOrdId": NAME,
            },
        ),
        (
            {
                "order_type": OrderType.TAKE_PROFIT_LIMIT,
                "trigger_price": D(62000),
                "trigger_price_type": TriggerPriceType.MARK,
                "price": D(62001),
            },
            {
                "tpTriggerPx": "62000",
                "tpTriggerPxType": "mark",
                "tpOrdPx": "62001",
            },
        ),
        (
            {
                "order_type": OrderType.TRAILING_STOP,
                "price": None,
                "callback_rate": D("0.5"),
                "activation_price": D(62000),
            },
            {
                "ordType": "move_order_stop",
                "callbackRatio": "0.005",
                "activePx": "62000",
            },
        ),
        (
            STOP | {"close_position": True, "qty": None},
            {"closeFraction": "1", "reduceOnly": True},
        ),
    ],
)
def test_orders_in_wire_words(given: dict[str, Any], told: dict[str, Any]) -> None:
    """Coins become contracts, lifetimes part of the type."""
    body = placed(**given)
    assert {name: body.get(name) for name in told} == told
    assert body["tdMode"] == "cross"


def test_closing_in_hedge_mode_needs_no_flag() -> None:
    """The two sides say it; the venue ignores `reduceOnly` there."""
    body = placed(reduce_only=True, side=Side.SELL, position_side=PositionSide.LONG)
    assert "reduceOnly" not in body


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"time_in_force": TimeInForce.GTD, "good_till_ms": 9}, Unsupported),
        ({"price_protect": True}, Unsupported),
        ({"self_trade_prevention": SelfTradePrevention.NONE}, Unsupported),
        (STOP | {"time_in_force": TimeInForce.IOC}, InvalidOrder),
        (
            {
                "order_type": OrderType.TRAILING_STOP,
                "price": None,
                "callback_rate": D("0.5"),
                "trigger_price_type": MARK,
            },
            Unsupported,
        ),
        (
            STOP | {"self_trade_prevention": SelfTradePrevention.EXPIRE_BOTH},
            Unsupported,
        ),
        (
            {
                "time_in_force": TimeInForce.FOK,
                "self_trade_prevention": SelfTradePrevention.EXPIRE_BOTH,
            },
            InvalidOrder,
        ),
        ({"price": None}, InvalidOrder),
        ({"close_position": True, "qty": None}, InvalidOrder),
    ],
)
def test_refused_before_anything_is_sent(
    given: dict[str, Any], error: type[Exception]
) -> None:
    """What the venue cannot do, or would refuse for its own reasons."""
    with pytest.raises(error):
        placed(**given)


@pytest.mark.parametrize("name", ["", "a-b", "a_b", "ä", "x" * 33])
def test_client_ids_are_letters_and_digits(name: str) -> None:
    """1 to 32, no dash, no underscore."""
    with pytest.raises(InvalidOrder, match="client_order_id"):
        DIALECT.place(intent(), ClientOrderId(name), instrument())


def test_buckets() -> None:
    """Per instrument and operation; new and amended orders count together; a batch
    of one is a single order; cancels are free of the common cap."""
    eth = Symbol("ETH-USDT-SWAP")
    assert dict(DIALECT.place(intent(), NAME, instrument()).cost) == {
        f"place:{BTC}": 1,
        "orders-2s": 1,
    }
    batch = [
        (intent(), ClientOrderId("a1"), instrument()),
        (intent(symbol=eth), ClientOrderId("a2"), instrument(symbol=eth)),
        (intent(), ClientOrderId("a3"), instrument()),
    ]
    assert dict(DIALECT.place_batch(batch).cost) == {
        f"place-batch:{BTC}": 2,
        f"place-batch:{eth}": 1,
        "orders-2s": 3,
    }
    assert dict(DIALECT.place_batch(batch[:1]).cost) == {
        f"place:{BTC}": 1,
        "orders-2s": 1,
    }
    assert dict(DIALECT.cancel(order(), instrument()).cost) == {f"cancel:{BTC}": 1}
    known = {spec.id for spec in DIALECT.base_limits}
    assert {"place:*", "amend:*", "cancel:*", "orders-2s"} <= known


def test_priorities() -> None:
    """Cancels and what reduces go first."""
    reducing = DIALECT.place(intent(reduce_only=True), NAME, instrument())
    assert reducing.priority is Priority.CANCEL
    assert DIALECT.place(intent(), NAME, instrument()).priority is Priority.PLACE
    assert DIALECT.cancel(order(), instrument()).priority is Priority.CANCEL


def test_amends_tell_total_size_and_price() -> None:
    """By venue id; only limit orders."""
    request = DIALECT.amend(order(), instrument(), Terms(qty=D("0.05"), price=D(60500)))
    assert request.body == {
        "instId": BTC,
        "ordId": "2990011223344120386",
        "newSz": "5",
        "newPx": "60500",
    }


def test_what_waits_is_amended_in_its_own_store() -> None:
    """By REST; what it became is amended as any order. A trail has no such terms."""
    terms = Terms(qty=D("0.05"), price=D(60000), trigger_price=D(60500))
    waiting = order(order_type=OrderType.TAKE_PROFIT_LIMIT, venue_order_id=None)
    request = DIALECT.amend(waiting, instrument(), terms)
    assert (request.path, request.frame_method) == ("/api/v5/trade/amend-algos", "")
    assert request.body == {
        "instId": BTC,
        "algoClOrdId": NAME,
        "newSz": "5",
        "newTpTriggerPx": "60500",
        "newTpOrdPx": "60000",
    }
    whole = order(order_type=OrderType.STOP_MARKET, venue_order_id=VenueOrderId("7"))
    terms = Terms(qty=None, price=None, trigger_price=D(59000))
    assert DIALECT.amend(whole, instrument(), terms).body == {
        "instId": BTC,
        "algoId": "7",
        "newSlTriggerPx": "59000",
        "newSlOrdPx": "-1",
    }
    trail = order(order_type=OrderType.TRAILING_STOP, venue_order_id=None)
    with pytest.raises(Unsupported):
        DIALECT.amend(trail, instrument(), Terms(qty=D(1), price=None))


def test_exits_are_attached() -> None:
    """One attached order for both prices, named after its order."""
    both = intent(
        take_profit=Exit(trigger_price=D(62000), price=D(62100)),
        stop_loss=Exit(trigger_price=D(60000), trigger_price_type=MARK),
    )
    row = DIALECT.place(both, NAME, instrument()).body
    assert isinstance(row, dict)
    assert row["attachAlgoOrds"] == [
        {
            "attachAlgoClOrdId": f"{NAME}X",
            "tpTriggerPx": "62000",
            "tpTriggerPxType": "last",
            "tpOrdPx": "62100",
            "slTriggerPx": "60000",
            "slTriggerPxType": "mark",
            "slOrdPx": "-1",
        }
    ]
    assert "attachAlgoOrds" not in DIALECT.order_row(intent(), NAME, instrument())


def test_cancels_go_where_the_order_is() -> None:
    """A waiting order to the algo service, by REST; what it became to the book."""
    waiting = order(order_type=OrderType.STOP_MARKET, venue_order_id=None)
    request = DIALECT.cancel(waiting, instrument())
    assert request.path == "/api/v5/trade/cancel-algos"
    assert request.body == [{"instId": BTC, "algoClOrdId": NAME}]
    assert request.frame_method == ""
    became = order(
        order_type=OrderType.STOP_MARKET, triggered_order_id=VenueOrderId("77")
    )
    request = DIALECT.cancel(became, instrument())
    assert request.body == {"instId": BTC, "ordId": "77"}
    assert request.frame_method == "cancel-order"
    with pytest.raises(Unsupported):
        DIALECT.cancel_batch([waiting], instrument())


def test_batches_have_bounds() -> None:
    """1 to 20 in one call."""
    with pytest.raises(InvalidOrder, match="1 to 20"):
        DIALECT.place_batch([])
    with pytest.raises(InvalidOrder, match="1 to 20"):
        DIALECT.cancel_batch([order()] * 21, instrument())
    with pytest.raises(Unsupported):
        DIALECT.place_batch([(intent(**STOP), NAME, instrument())])


def test_other_kinds_are_known_by_name() -> None:
    """Options and spot are Unsupported; perpetuals and futures are not taken for
    them."""
    kinds = DIALECT.facts.not_traded
    named = {
        "BTC-USD-261225-60000-C": "options",
        "BTC-USDT": "spot and margin",
        "BTC-USDT-SWAP": "",
        "BTC-USD-261225": "",
        "BTC": "",
    }
    for symbol, wanted in named.items():
        told = [what for pattern, what in kinds if re.fullmatch(pattern, symbol)]
        assert "".join(told) == wanted


def test_what_is_missing_says_so() -> None:
    """No cancel-all, no margin mode per instrument: Unsupported, with advice."""
    missing = {Capability.CANCEL_ALL, Capability.ISOLATED_MARGIN, Capability.GTD}
    assert not missing & DIALECT.facts.capabilities
    with pytest.raises(Unsupported):
        DIALECT.cancel_all(BTC)
    with pytest.raises(Unsupported):
        DIALECT.set_margin_mode(BTC, MarginMode.ISOLATED)


@pytest.mark.parametrize(("ms", "seconds"), [(0, "0"), (10_000, "10"), (10_001, "11")])
def test_cancel_all_after_counts_whole_seconds(ms: int, seconds: str) -> None:
    """Rounded up: never sooner than asked for."""
    request = DIALECT.dead_man(None, ms)
    assert request.body == {"timeOut": seconds}
