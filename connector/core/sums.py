"""The two accounts that must tie out (law 13).

    position = base + sum of signed fills (and deliveries) since the base was taken
    wallet   = base + sum of ledger entries since the base was taken

Nothing here is shown: what is shown is the venue's newest word, these sums check
it. A difference that survives re-reading is named and moves the base.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from connector.core.records import BaseTimes, SumsRecord
from connector.model.events import Adjustment
from connector.model.ids import Symbol
from connector.model.money import ZERO
from connector.model.order import Fill, PositionSide

PositionKey = tuple[Symbol, PositionSide]


@dataclass(slots=True)
class Sums:
    """Bases and what was added to them. Quantities signed, wallets per asset."""

    _position_base: dict[PositionKey, Decimal] = field(default_factory=dict)
    _base_ns: dict[PositionKey, int] = field(default_factory=dict)
    _fills: dict[PositionKey, Decimal] = field(default_factory=dict)
    _filled_ns: dict[PositionKey, int] = field(default_factory=dict)
    _wallet_base: dict[str, Decimal] = field(default_factory=dict)
    _wallet_base_ns: dict[str, int] = field(default_factory=dict)
    _entries: dict[str, Decimal] = field(default_factory=dict)
    # The sums as they were last recorded, and which have changed since.
    _recorded: SumsRecord = field(default_factory=SumsRecord)
    _moved: dict[PositionKey, None] = field(default_factory=dict)
    _moved_wallets: dict[str, None] = field(default_factory=dict)

    def add_fill(self, fill: Fill, replaced: Decimal) -> None:
        """Count a fill; *replaced* was counted already as a provisional one."""
        key = (fill.symbol, fill.position_side)
        signed = (fill.qty - replaced) * fill.side.sign
        self._fills[key] = self._fills.get(key, ZERO) + signed
        if fill.venue_ns <= self._base_ns.get(key, -1):
            self._position_base[key] = self._position_base.get(key, ZERO) - signed
        if fill.venue_ns > self._filled_ns.get(key, 0):
            self._filled_ns[key] = fill.venue_ns
        self._moved[key] = None

    def move_fills(
        self, wrong: PositionKey, right: PositionKey, signed: Decimal
    ) -> None:
        """Fills were counted for *wrong* before their order told its position."""
        self._fills[wrong] = self._fills.get(wrong, ZERO) - signed
        self._fills[right] = self._fills.get(right, ZERO) + signed
        self._filled_ns[right] = max(self.filled_ns(right), self.filled_ns(wrong))
        self._moved[wrong] = self._moved[right] = None

    def add_entry(self, asset: str, amount: Decimal, venue_ns: int) -> None:
        """Count a ledger entry."""
        self._entries[asset] = self._entries.get(asset, ZERO) + amount
        if venue_ns <= self._wallet_base_ns.get(asset, -1):
            self._wallet_base[asset] = self._wallet_base.get(asset, ZERO) - amount
        self._moved_wallets[asset] = None

    def position(self, key: PositionKey) -> Decimal:
        """Base + fills."""
        return self._position_base.get(key, ZERO) + self._fills.get(key, ZERO)

    def wallet(self, asset: str) -> Decimal:
        """Base + entries."""
        return self._wallet_base.get(asset, ZERO) + self._entries.get(asset, ZERO)

    def filled_ns(self, key: PositionKey) -> int:
        """Venue time of the newest fill counted."""
        return self._filled_ns.get(key, 0)

    def position_keys(self) -> tuple[PositionKey, ...]:
        """Positions with a base or a fill."""
        return tuple(dict.fromkeys((*self._position_base, *self._fills)))

    def move_position(self, key: PositionKey, change: Decimal, venue_ns: int) -> None:
        """Count what moved a position without a trade (delivery, exercise)."""
        self._fills[key] = self._fills.get(key, ZERO) + change
        self._filled_ns[key] = max(self._filled_ns.get(key, 0), venue_ns)
        self._moved[key] = None

    def assets(self) -> tuple[str, ...]:
        """Wallets with a base or an entry."""
        return tuple(dict.fromkeys((*self._wallet_base, *self._entries)))

    def rebase(
        self,
        positions: Mapping[PositionKey, Decimal],
        wallets: Mapping[str, Decimal],
        told_ns: Mapping[PositionKey, int],
        wallets_told_ns: Mapping[str, int],
    ) -> None:
        """The venue's words now are where sums begin. *told_ns*, *wallets_told_ns*:
        the venue time of each position and wallet; what filled or was booked before
        is in it, however late it is told."""
        self._base_ns = dict(told_ns)
        self._wallet_base_ns = dict(wallets_told_ns)
        for key, qty in positions.items():
            self._position_base[key] = qty - self._fills.get(key, ZERO)
        for asset, wallet in wallets.items():
            self._wallet_base[asset] = wallet - self._entries.get(asset, ZERO)
        self._all_moved()

    def accept(self, differences: Sequence[Adjustment]) -> None:
        """Named and reported: from here on the venue's word is the base."""
        for difference in differences:
            what, _, rest = difference.subject.partition(" ")
            if what == "wallet":
                base = self._wallet_base.get(rest, ZERO)
                self._wallet_base[rest] = base + difference.difference
            else:
                key = _key_of(rest)
                held = self._position_base.get(key, ZERO)
                self._position_base[key] = held + difference.difference
        self._all_moved()

    def record(self) -> SumsRecord:
        """Sums as they are now, for the journal; only what moved is added up."""
        recorded = self._recorded
        for key in self._moved:
            recorded.position[position_name(key)] = self.position(key)
        for asset in self._moved_wallets:
            recorded.wallet[asset] = self.wallet(asset)
        self._moved.clear()
        self._moved_wallets.clear()
        return SumsRecord(recorded.position.copy(), recorded.wallet.copy())

    def restore(self, record: SumsRecord) -> None:
        """Sums as they were when the journal was last written."""
        for name, qty in record.position.items():
            self._position_base[_key_of(name)] = qty
        self._wallet_base.update(record.wallet)
        self._all_moved()

    def _all_moved(self) -> None:
        self._moved.update(dict.fromkeys(self.position_keys()))
        self._moved_wallets.update(dict.fromkeys(self.assets()))

    def base_times(self) -> BaseTimes:
        """Since when the bases count, for the journal."""
        return BaseTimes(
            {position_name(key): ns for key, ns in self._base_ns.items()},
            dict(self._wallet_base_ns),
        )

    def restore_base_times(self, record: BaseTimes) -> None:
        """What is older is in the bases, also when a later process hears of it."""
        self._base_ns = {_key_of(name): ns for name, ns in record.position.items()}
        self._wallet_base_ns = dict(record.wallet)


def position_name(key: PositionKey) -> str:
    """A position's key as text."""
    return f"{key[0]} {key[1].value}"


def _key_of(name: str) -> PositionKey:
    symbol, _, side = name.rpartition(" ")
    return Symbol(symbol), PositionSide(side)
