"""What the venue tells per currency: greeks, and whether its own sums hold."""

from __future__ import annotations

from decimal import Decimal as D

from connector.core.collateral import Collaterals, greeks_of
from connector.dialect.facts import CollateralFact, GreeksFact
from connector.model.account import Collateral, Greeks, Position, Source, Stamp
from connector.model.ids import Symbol
from connector.model.instrument import Instrument, InstrumentKind
from connector.model.noun import replace
from connector.model.order import PositionSide

STAMP = Stamp(source=Source.STREAM, venue_ns=1, received_mono_ns=1)
CALL = Instrument(
    symbol=Symbol("BTC-C"),
    kind=InstrumentKind.OPTION,
    base="BTC",
    quote="BTC",
    settle="BTC",
    tick_size=D("0.0001"),
    qty_step=D("0.1"),
    min_qty=D("0.1"),
    max_qty=D(100),
    market_max_qty=D(100),
)
LINEAR = replace(CALL, symbol=Symbol("BTC-L"), quote="USDC", settle="USDC")
LISTED = {CALL.symbol: CALL, LINEAR.symbol: LINEAR}


def held(symbol: str, delta: str | None) -> Position:
    return Position(
        symbol=Symbol(symbol),
        position_side=PositionSide.NET,
        qty=D(1),
        entry_price=D(1),
        stamp=STAMP,
        delta=None if delta is None else D(delta),
    )


def pool(currency: str, delta_total: str, greeks: Greeks) -> Collateral:
    return Collateral(
        currency=currency,
        wallet=D(1),
        equity=D(1),
        margin_balance=D(1),
        unrealized_pnl=D(0),
        initial_margin=D(0),
        maintenance_margin=D(0),
        available=D(1),
        delta_total=D(delta_total),
        greeks=greeks,
    )


def kept(*pools: Collateral) -> Collaterals:
    told = Collaterals()
    for collateral in pools:
        told.merge(CollateralFact(venue_ns=1, collateral=collateral))
    return told


def test_sums_over_options_are_kept_by_coin() -> None:
    """The newest one counts, and what is held in options on that coin is in it."""
    told = kept()
    for venue_ns, delta in ((5, "0.5"), (4, "9"), (6, "0.25")):
        greeks = Greeks(delta=D(delta))
        told.merge_greeks(GreeksFact(currency="BTC", greeks=greeks, venue_ns=venue_ns))
    found = greeks_of(told, [held("BTC-C", "7")], LISTED)
    assert found == {"BTC": Greeks(delta=D("0.25"))}


def test_the_sums_of_the_venue_come_first() -> None:
    """Its delta counts futures; positions of that currency are in it already."""
    told = Greeks(delta=D("0.5"), gamma=D("0.1"), vega=D(2), theta=D(-3))
    found = greeks_of(kept(pool("BTC", "-0.25", told)), [held("BTC-C", "9")], LISTED)
    assert found == {
        "BTC": Greeks(delta=D("-0.25"), gamma=D("0.1"), vega=D(2), theta=D(-3))
    }


def test_positions_add_up_per_currency() -> None:
    """Never across currencies; what tells no delta is not counted."""
    positions = [
        held("BTC-C", "0.5"),
        held("BTC-C", "0.25"),
        held("BTC-L", "1"),
        held("BTC-L", None),
        held("unlisted", "7"),
    ]
    assert greeks_of(kept(), positions, LISTED) == {
        "BTC": Greeks(delta=D("0.75")),
        "USDC": Greeks(delta=D(1)),
    }


def test_nothing_at_stake_is_not_shown() -> None:
    """A currency without greeks has no row."""
    assert greeks_of(kept(pool("ETH", "0", Greeks())), [], LISTED) == {}


def told(rows: Collaterals, row: Collateral) -> str:
    rows.merge(CollateralFact(venue_ns=0, collateral=row))
    return rows.news_of_sums(row.currency)


def test_the_venues_own_sums_are_checked() -> None:
    """equity = wallet + session + options; what does not hold to 1e-8 is told once,
    and again only after it held."""
    whole = pool("BTC", "0", Greeks())
    rows = Collaterals()
    assert told(rows, whole) == ""
    assert told(rows, replace(whole, equity=D("1.000000009"))) == ""
    broken = replace(whole, equity=D("1.00000002"))
    assert "BTC do not add up: equity" in told(rows, broken)
    assert told(rows, broken) == ""
    assert told(rows, whole) == ""
    assert "equity" in told(rows, broken)


def test_a_shared_pool_has_no_sums_of_its_own() -> None:
    """Its rows are converted: each shows the whole."""
    shared = replace(pool("BTC", "0", Greeks()), equity=D(5), is_shared=True)
    assert told(Collaterals(), shared) == ""
