"""Positions, balances and margin, each with its source and its age."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from connector.model.ids import Symbol
from connector.model.money import ZERO
from connector.model.noun import Noun, field
from connector.model.order import PositionSide


class Source(StrEnum):
    """Where a number came from."""

    STREAM = "stream"
    REST = "rest"
    REPLY = "reply"  # the answer to a command
    COMPUTED = "computed"  # from the venue's facts and live mark prices
    JOURNAL = "journal"


class MarginMode(StrEnum):
    """Whether a position shares the account's collateral."""

    CROSS = "cross"
    ISOLATED = "isolated"


class Stamp(Noun, frozen=True, kw_only=True):
    """Source, the venue's time (UTC ns, 0 if it gave none), when we learnt it."""

    source: Source
    venue_ns: int
    received_mono_ns: int

    def age_s(self, mono_ns: int) -> float:
        """Seconds since we learnt it."""
        return (mono_ns - self.received_mono_ns) / 1e9


class Position(Noun, frozen=True, kw_only=True):
    """One position. *qty* is signed: above 0 long, below 0 short.

    *mark_price* and what follows from it are live (COMPUTED) where a mark
    stream is up. *liquidation_price* None: cannot be liquidated, or unknown.
    """

    symbol: Symbol
    position_side: PositionSide
    qty: Decimal
    entry_price: Decimal
    stamp: Stamp
    margin_mode: MarginMode = MarginMode.CROSS
    leverage: int | None = None
    isolated_wallet: Decimal = ZERO
    mark_price: Decimal | None = None
    unrealized_pnl: Decimal | None = None
    initial_margin: Decimal | None = None
    maintenance_margin: Decimal | None = None
    liquidation_price: Decimal | None = None
    delta: Decimal | None = None
    gamma: Decimal | None = None
    vega: Decimal | None = None
    theta: Decimal | None = None


class Balance(Noun, frozen=True, kw_only=True):
    """One asset. *wallet* excludes unrealised PnL."""

    asset: str
    wallet: Decimal
    stamp: Stamp
    cross_wallet: Decimal | None = None


class Margin(Noun, frozen=True, kw_only=True):
    """The account's collateral, in *currency*.

    equity = wallet + unrealised PnL; *margin_ratio* = maintenance / equity (1
    means liquidation), None with nothing at risk. *venue_fields* keeps the
    venue's own last words.
    """

    currency: str
    wallet: Decimal
    equity: Decimal
    unrealized_pnl: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    available: Decimal
    margin_ratio: Decimal | None
    stamp: Stamp
    venue_fields: Mapping[str, str] = field(default_factory=dict)


class LedgerKind(StrEnum):
    """Why a wallet changed."""

    REALIZED_PNL = "realized_pnl"
    FEE = "fee"
    FUNDING = "funding"
    TRANSFER = "transfer"
    LIQUIDATION_FEE = "liquidation_fee"
    INSURANCE = "insurance"
    SETTLEMENT = "settlement"
    DELIVERY = "delivery"
    OTHER = "other"
    UNEXPLAINED = "unexplained"


class LedgerEntry(Noun, frozen=True, kw_only=True):
    """One change of a wallet. *entry_id* is unique per *kind* and account."""

    kind: LedgerKind
    asset: str
    amount: Decimal
    symbol: Symbol | None
    entry_id: str
    venue_ns: int
    text: str = ""
