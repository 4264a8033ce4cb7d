"""Positions, balances and margin, each with its source and its age."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from connector.model.ids import Symbol, TradeId
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


class Stamp(Noun, frozen=True, kw_only=True, gc=False):
    """Source, the venue's time (UTC ns, 0 if it gave none), when we learnt it."""

    source: Source
    venue_ns: int
    received_mono_ns: int

    def age_s(self, mono_ns: int) -> float:
        """Seconds since we learnt it."""
        return (mono_ns - self.received_mono_ns) / 1e9


class Position(Noun, frozen=True, gc=False):
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


class Balance(Noun, frozen=True, kw_only=True, gc=False):
    """One asset. *wallet* excludes unrealised PnL."""

    asset: str
    wallet: Decimal
    stamp: Stamp
    cross_wallet: Decimal | None = None


class Greeks(Noun, frozen=True, kw_only=True):
    """What options lose and gain: delta and gamma in base coin, vega per point of
    volatility and theta per day in USD, unless the venue counts otherwise."""

    delta: Decimal = ZERO
    gamma: Decimal = ZERO
    vega: Decimal = ZERO
    theta: Decimal = ZERO

    def __add__(self, other: Greeks) -> Greeks:
        return Greeks(
            delta=self.delta + other.delta,
            gamma=self.gamma + other.gamma,
            vega=self.vega + other.vega,
            theta=self.theta + other.theta,
        )


_IDENTITY_BOUND = Decimal("1e-8")


class Collateral(Noun, frozen=True, kw_only=True):
    """What the venue tells of one currency, where it keeps margin per currency.

    *margin_model* is the venue's word for how margin is computed. *is_shared*: every
    currency shows the whole pool, converted; such rows must never be added up.
    *session_upl* and *session_rpl* are profits of futures since the last daily
    settlement, *options_value* the options at mark; *delta_total* counts everything.
    *greeks* are those of the options.
    """

    currency: str
    wallet: Decimal
    equity: Decimal
    margin_balance: Decimal
    unrealized_pnl: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    available: Decimal
    margin_model: str = ""
    is_shared: bool = False
    session_upl: Decimal = ZERO
    session_rpl: Decimal = ZERO
    options_value: Decimal = ZERO
    delta_total: Decimal = ZERO
    greeks: Greeks = field(default_factory=Greeks)

    def broken_identities(self) -> tuple[str, ...]:
        """Which of the venue's own sums do not hold to 1e-8. None is looked at in a
        shared pool, whose rows are converted.

        equity = wallet + session PnL + options value; margin balance = equity -
        options value; available = max(0, margin balance - initial margin).
        """
        if self.is_shared:
            return ()
        session = self.session_upl + self.session_rpl
        sums = {
            "equity": (self.wallet + session + self.options_value, self.equity),
            "margin_balance": (self.equity - self.options_value, self.margin_balance),
            "available": (
                max(ZERO, self.margin_balance - self.initial_margin),
                self.available,
            ),
        }
        return tuple(
            name
            for name, (expected, told) in sums.items()
            if abs(expected - told) > _IDENTITY_BOUND
        )


class Margin(Noun, frozen=True, kw_only=True):
    """The account's collateral, in *currency*.

    equity = wallet + unrealised PnL; *margin_ratio* = maintenance / equity (1
    means liquidation), None with nothing at risk. *venue_fields* keeps the
    venue's own last words. *collateral* has every currency where the venue keeps
    margin per currency; the numbers here are then those of the one nearest to
    liquidation.
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
    collateral: Mapping[str, Collateral] = field(default_factory=dict)


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


class LedgerEntry(Noun, frozen=True, kw_only=True, gc=False):
    """One change of a wallet. *entry_id* is unique per *kind* and account;
    *trade_id* names the execution it belongs to (a fee, a realised profit)."""

    kind: LedgerKind
    asset: str
    amount: Decimal
    symbol: Symbol | None
    entry_id: str
    venue_ns: int
    text: str = ""
    trade_id: TradeId | None = None
