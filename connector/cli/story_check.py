"""What a session believes, against what the simulated venue wrote down."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connector.model.money import text_of

if TYPE_CHECKING:
    from connector.session import Session

_FillId = tuple[str, str]

_ENDED = frozenset(("FILLED", "CANCELED", "EXPIRED", "REJECTED"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One comparison; both sides as text."""

    subject: str
    local: str
    venue: str

    @property
    def is_equal(self) -> bool:
        """Whether both say the same."""
        return self.local == self.venue

    @property
    def text(self) -> str:
        """For people."""
        if self.is_equal:
            return f"{self.subject:<12} {self.local}"
        return f"{self.subject:<12} DIFFERS: session {self.local}, venue {self.venue}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """All comparisons."""

    lines: tuple[Line, ...]

    @property
    def differences(self) -> tuple[Line, ...]:
        """Those that differ."""
        return tuple(line for line in self.lines if not line.is_equal)


def check(
    session: Session,
    ledger: Mapping[str, Any],
    fills: AbstractSet[_FillId],
    fills_told: int,
) -> Checked:
    """Compare fills, open orders, positions and wallets.

    *fills* are those told by events as (symbol, trade id), *fills_told* how often
    one was told: more than the number of fills means that one was told twice.
    """
    written = {(fill["symbol"], fill["trade_id"]) for fill in ledger["fills"]}
    open_there = {
        order["client_order_id"]: order["filled_qty"]
        for order in ledger["orders"].values()
        if order["status"] not in _ENDED
    }
    open_here: dict[str, str] = {
        o.client_order_id: text_of(o.filled_qty) for o in session.orders
    }
    held_there = {
        key.partition(":")[0]: qty for key, qty in ledger["positions"].items()
    }
    held_here: dict[str, str] = {p.symbol: text_of(p.qty) for p in session.positions}
    lines = [
        Line(subject="fills", local=str(len(fills)), venue=str(len(written))),
        Line(subject="fills told", local=str(fills_told), venue=str(len(written))),
        Line(
            subject="fill ids",
            local=_summary(fills, written),
            venue=_summary(written, written),
        ),
        Line(
            subject="open orders",
            local=_listed(open_here),
            venue=_listed(open_there),
        ),
        Line(subject="positions", local=_listed(held_here), venue=_listed(held_there)),
    ]
    for asset, amount in ledger["balances"].items():
        balance = session.balances.get(asset)
        local = "unknown" if balance is None else text_of(balance.wallet)
        lines.append(Line(subject=f"wallet {asset}", local=local, venue=amount))
    return Checked(lines=tuple(lines))


def _summary(ids: AbstractSet[_FillId], written: AbstractSet[_FillId]) -> str:
    strange = ids ^ written
    return "all known" if not strange else f"{len(strange)} not on both sides"


def _listed(amounts: Mapping[str, str]) -> str:
    shown = (f"{name} {amount}" for name, amount in sorted(amounts.items()))
    return ", ".join(shown) or "none"
