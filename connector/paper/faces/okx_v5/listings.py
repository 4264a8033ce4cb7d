"""What the simulated venue lists: contracts over the machine's coins.

The machine counts coins, the wire contracts: a contract of BTC-USDT-SWAP is a
hundredth of a bitcoin, the lot a hundredth of that. Sizes, ticks and leverage are
those of the real listings; tiers have the venue's shape (one rate for the whole
position, by contracts) with invented numbers.

Source: OKX API v5 docs, "Get instruments" and "Get position tiers", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from connector.paper.faces.okx_v5.apierrors import ApiError
from connector.paper.types import ZERO, Bracket, EngineRules, Instrument

HOUR_MS = 3_600_000

RULES = EngineRules(
    refuse_post_only=False,
    refuse_fok=False,
    amend_keeps_queue=True,
    amend_may_fill=True,
    first_order_id=3_017_956_918_703_120_001,
    first_trade_id=1_518_905_001,
    first_tran_id=3_017_956_918_703_220_001,
    first_conditional_id=1_753_184_812_254_216_001,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """How an instrument is counted on the wire."""

    code: int
    unit: Decimal  # coins per contract

    def contracts(self, qty: Decimal) -> Decimal:
        """Coins as contracts."""
        return qty / self.unit

    def coins(self, contracts: Decimal) -> Decimal:
        """Contracts as coins."""
        return contracts * self.unit


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    base: str
    code: int
    unit: str
    mark: str
    tick: str
    lot: str  # contracts
    max_market: str  # contracts
    max_limit: str  # contracts
    tiers: tuple[tuple[str, str, int], ...]  # (contracts, rate, leverage)


_LISTINGS = (
    _Listing(
        base="BTC",
        code=10459,
        unit="0.01",
        mark="60000",
        tick="0.1",
        lot="0.01",
        max_market="12000",
        max_limit="100000000",
        tiers=(
            ("1000", "0.004", 100),
            ("5000", "0.005", 75),
            ("20000", "0.01", 50),
            ("100000", "0.02", 20),
            ("1000000", "0.05", 10),
        ),
    ),
    _Listing(
        base="ETH",
        code=10461,
        unit="0.1",
        mark="3000",
        tick="0.01",
        lot="0.01",
        max_market="20000",
        max_limit="100000000",
        tiers=(
            ("2000", "0.004", 100),
            ("10000", "0.005", 75),
            ("50000", "0.01", 50),
            ("1000000", "0.05", 10),
        ),
    ),
    _Listing(
        base="SOL",
        code=13022,
        unit="1",
        mark="150",
        tick="0.01",
        lot="0.01",
        max_market="50000",
        max_limit="10000000",
        tiers=(
            ("5000", "0.005", 50),
            ("50000", "0.01", 25),
            ("1000000", "0.05", 10),
        ),
    ),
)


def _brackets(listing: _Listing) -> tuple[Bracket, ...]:
    """Tiers by value at the first mark price; nothing is deducted."""
    rows, floor = [], ZERO
    worth = Decimal(listing.unit) * Decimal(listing.mark)
    for number, (size, rate, leverage) in enumerate(listing.tiers, start=1):
        cap = Decimal(size) * worth
        rows.append(
            Bracket(
                number=number,
                max_leverage=leverage,
                floor=floor,
                cap=cap,
                mmr=Decimal(rate),
                cum=ZERO,
            )
        )
        floor = cap
    return tuple(rows)


def _listed(listing: _Listing) -> Instrument:
    unit, tick = Decimal(listing.unit), Decimal(listing.tick)
    step = Decimal(listing.lot) * unit
    return Instrument(
        symbol=f"{listing.base}-USDT-SWAP",
        base=listing.base,
        quote="USDT",
        settle="USDT",
        tick_size=tick,
        qty_step=step,
        min_price=tick,
        max_price=Decimal(10_000_000),
        min_qty=step,
        max_qty=Decimal(listing.max_limit) * unit,
        market_max_qty=Decimal(listing.max_market) * unit,
        min_notional=ZERO,
        band_up=Decimal("1.05"),
        band_down=Decimal("0.95"),
        market_take_bound=Decimal("0.05"),
        trigger_protect=Decimal("0.05"),
        max_orders=500,
        max_conditional=100,
        brackets=_brackets(listing),
        maker_rate=Decimal("0.0002"),
        taker_rate=Decimal("0.0005"),
        liquidation_fee=Decimal("0.0005"),
        funding_interval_ms=8 * HOUR_MS,
        initial_mark=Decimal(listing.mark),
        default_leverage=10,
    )


INSTRUMENTS = tuple(map(_listed, _LISTINGS))
_KNOWN = {
    f"{listing.base}-USDT-SWAP": Contract(code=listing.code, unit=Decimal(listing.unit))
    for listing in _LISTINGS
}


class Catalogue:
    """How every instrument of the machine is counted; one of our own has contracts
    of one coin and the next free number."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        free = max(c.code for c in _KNOWN.values()) + 1
        self.contracts = {
            symbol: _KNOWN.get(symbol) or Contract(code=free + n, unit=Decimal(1))
            for n, symbol in enumerate(instruments)
        }
        self._symbols = {c.code: symbol for symbol, c in self.contracts.items()}

    def of(self, symbol: str) -> Contract:
        """By instrument id; raises 51001."""
        found = self.contracts.get(symbol)
        if found is None:
            raise ApiError(51001)
        return found

    def symbol_of(self, code: object) -> str:
        """By instrument id code; raises 51001."""
        if not isinstance(code, int) or code not in self._symbols:
            raise ApiError(51001)
        return self._symbols[code]


def tiers_of(instrument: Instrument, contract: Contract) -> Iterable[dict[str, str]]:
    """Rows of position-tiers: sizes in contracts."""
    worth = contract.unit * instrument.initial_mark
    for bracket in instrument.brackets:
        low = bracket.floor / worth
        yield {
            "baseMaxLoan": "",
            "imr": str((1 / Decimal(bracket.max_leverage)).quantize(Decimal("0.0001"))),
            "instFamily": instrument.symbol.removesuffix("-SWAP"),
            "instId": "",
            "maxLever": str(bracket.max_leverage),
            "maxSz": f"{bracket.cap / worth:f}",
            "minSz": "0" if not low else f"{low + Decimal('0.01'):f}",
            "mmr": str(bracket.mmr),
            "optMgnFactor": "0",
            "quoteMaxLoan": "",
            "tier": str(bracket.number),
            "uly": instrument.symbol.removesuffix("-SWAP"),
        }
