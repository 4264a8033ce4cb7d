"""Tests of rows: what answers and messages do not reach with golden files."""

from __future__ import annotations

import json

import pytest

from connector.model.instrument import InstrumentKind
from connector.venues.binance_usdm.rows import instrument_fact
from connector.venues.json_rows import Row


@pytest.fixture
def symbol(golden):
    """The golden symbol, with changes."""

    def build(**given):
        row = json.loads(json.dumps(golden("rest_exchange_info.json")["symbols"][0]))
        return Row({**row, **given})

    return build


@pytest.mark.parametrize(
    ("contract", "kind", "expires"),
    [
        ("PERPETUAL", InstrumentKind.PERPETUAL, False),
        ("TRADIFI_PERPETUAL", InstrumentKind.PERPETUAL, False),
        ("", InstrumentKind.PERPETUAL, False),
        ("CURRENT_QUARTER", InstrumentKind.FUTURE, True),
        ("NEXT_QUARTER DELIVERING", InstrumentKind.FUTURE, True),
    ],
)
def test_contracts_end_or_do_not(symbol, contract, kind, expires) -> None:
    """A perpetual's far-off delivery date is none."""
    instrument = instrument_fact(symbol(contractType=contract)).instrument
    assert kind is instrument.kind
    assert (instrument.expiry_ms is not None) is expires


@pytest.mark.parametrize("status", ["SETTLING", "CLOSE", "PENDING_TRADING", "NEW_WORD"])
def test_only_trading_is_trading(symbol, status: str) -> None:
    """Any other word means that orders will be refused."""
    assert not instrument_fact(symbol(status=status)).instrument.is_trading


@pytest.mark.parametrize("missing", ["PRICE_FILTER", "LOT_SIZE"])
def test_an_instrument_without_its_grid_is_refused(symbol, missing: str) -> None:
    """No tick or step, no orders: better not there than wrong."""
    kept = [f for f in symbol().items("filters") if f["filterType"] != missing]
    with pytest.raises(ValueError, match="filter"):
        instrument_fact(symbol(filters=kept))


def test_optional_filters_may_be_absent(symbol) -> None:
    """Market orders then follow the lot size, and nothing else is bounded."""
    kept = [
        f
        for f in symbol().items("filters")
        if f["filterType"] in {"PRICE_FILTER", "LOT_SIZE"}
    ]
    instrument = instrument_fact(symbol(filters=kept)).instrument
    assert instrument.market_max_qty == instrument.max_qty
    assert instrument.percent_up is None
    assert instrument.min_notional == 0
    assert instrument.max_open_orders is None
