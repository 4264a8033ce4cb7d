"""Margin of Deribit: the venue's words, moved by live marks."""

from __future__ import annotations

from decimal import Decimal as D

from connector.dialect import AccountView
from connector.model.account import Collateral, Position, Source, Stamp
from connector.model.ids import Symbol
from connector.model.instrument import Instrument
from connector.model.noun import replace
from connector.model.order import PositionSide
from connector.venues.deribit.margin import margin

STAMP = Stamp(source=Source.STREAM, venue_ns=1, received_mono_ns=1)


def pool(currency: str, maintenance: str, *, is_shared: bool = False) -> Collateral:
    return Collateral(
        currency=currency,
        wallet=D(10),
        equity=D(10),
        margin_balance=D(10),
        unrealized_pnl=D(0),
        initial_margin=D(2),
        maintenance_margin=D(maintenance),
        available=D(8),
        is_shared=is_shared,
    )


def held(instrument: Instrument, qty: str, entry: str, mark: str) -> Position:
    return Position(
        symbol=instrument.symbol,
        position_side=PositionSide.NET,
        qty=D(qty),
        entry_price=D(entry),
        mark_price=D(mark),
        stamp=STAMP,
    )


def view(
    *collateral: Collateral,
    positions: tuple[tuple[Instrument, Position], ...] = (),
    marks: dict[Symbol, D] | None = None,
) -> AccountView:
    return AccountView(
        balances={},
        positions=[position for _, position in positions],
        open_orders=(),
        instruments={instrument.symbol: instrument for instrument, _ in positions},
        marks=marks or {},
        leverage={},
        margin_modes={},
        venue_fields={},
        collateral={row.currency: row for row in collateral},
    )


def test_nothing_told_cannot_be_computed() -> None:
    """Rather no number than a guess."""
    assert margin(view()) is None


def test_the_currency_nearest_to_liquidation_is_the_headline() -> None:
    """Segregated pools are liquidated one by one, so they are not added up."""
    found = margin(view(pool("BTC", "1"), pool("ETH", "5")))
    assert found is not None
    assert (found.currency, found.margin_ratio) == ("ETH", D("0.5"))


def test_an_inverse_position_moves_with_the_mark(perpetual: Instrument) -> None:
    """size * (1/entry - 1/mark), in coin; margin as the venue told it."""
    position = held(perpetual, "100000", "100000", "100000")
    marks = {perpetual.symbol: D(125000)}
    found = margin(
        view(pool("BTC", "1"), positions=((perpetual, position),), marks=marks)
    )
    assert found is not None
    assert found.equity == D("10.2")
    assert found.available == D("8.2")
    assert found.margin_ratio == D(1) / D("10.2")
    numbers = found.positions[perpetual.symbol, "NET"]
    assert (numbers.unrealized_pnl, numbers.mark_price) == (D("0.2"), D(125000))


def test_an_option_moves_equity_and_no_margin_balance(option: Instrument) -> None:
    """Option value is no margin: only futures move what is available."""
    position = held(option, "2", "0.05", "0.05")
    marks = {option.symbol: D("0.08")}
    found = margin(view(pool("BTC", "1"), positions=((option, position),), marks=marks))
    assert found is not None
    assert (found.equity, found.available) == (D("10.06"), D(8))
    assert found.margin_ratio == D("0.1")


def test_a_position_of_another_currency_moves_nothing(perpetual: Instrument) -> None:
    """Nor does any, where pools are shared: those numbers are converted."""
    other = replace(perpetual, settle="ETH")
    position = held(other, "100000", "100000", "100000")
    marks = {other.symbol: D(125000)}
    alone = margin(view(pool("BTC", "1"), positions=((other, position),), marks=marks))
    assert alone is not None
    assert alone.equity == D(10)
    mine = held(perpetual, "100000", "100000", "100000")
    shared = margin(
        view(
            pool("BTC", "1", is_shared=True),
            positions=((perpetual, mine),),
            marks=marks,
        )
    )
    assert shared is not None
    assert shared.equity == D(10)


def test_nothing_left_is_infinitely_close() -> None:
    """No balance over maintenance: the ratio has no end."""
    ruined = replace(pool("BTC", "1"), margin_balance=D(0))
    found = margin(view(ruined))
    assert found is not None
    assert found.margin_ratio == D("Infinity")
