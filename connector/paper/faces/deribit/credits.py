"""Credits: pools of an account, refilled steadily; an empty one ends the session.

Source: Deribit API, "Rate Limits"; read 2026-11.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction

from connector.paper.faces.windows import KEPT_MAX, Exceedance

CALL_CREDITS = 500

MATCHING_METHODS = frozenset(
    (
        "private/buy",
        "private/sell",
        "private/edit",
        "private/edit_by_label",
        "private/cancel",
        "private/cancel_by_label",
        "private/cancel_all_by_currency",
        "private/cancel_all_by_instrument",
        "private/cancel_all_by_kind_or_type",
        "private/close_position",
    )
)
_COSTS = {
    "private/subscribe": ("subscribe", 3_000),
    "public/subscribe": ("subscribe", 3_000),
    "private/get_transaction_log": ("transaction_log", 10_000),
    "public/get_instruments": ("instruments", 10_000),
    "private/cancel_all": ("cancel_all", 1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditConfig:
    """The pools of one tier; the default is the lowest one."""

    matching_rate: int = 5
    matching_burst: int = 20
    calls_rate: int = 20
    calls_burst: int = 100

    def told(self) -> dict[str, object]:
        """`limits` of the account summary."""
        quick = {"burst": 250, "rate": 200}
        return {
            "limits_per_currency": False,
            "non_matching_engine": {
                "burst": self.calls_burst,
                "rate": self.calls_rate,
            },
            "matching_engine": {
                "trading": {
                    "total": {"burst": self.matching_burst, "rate": self.matching_rate}
                },
                "spot": dict(quick),
                "maximum_quotes": {"burst": 500, "rate": 500},
                "maximum_mass_quotes": {"burst": 10, "rate": 10},
                "guaranteed_mass_quotes": {"burst": 2, "rate": 2},
                "cancel_all": dict(quick),
            },
        }


@dataclass(slots=True)
class _Pool:
    capacity: int
    refill_per_s: int
    level: Fraction
    at_ms: int
    taken: int = 0

    def take(self, cost: int, now_ms: int) -> bool:
        passed = max(0, now_ms - self.at_ms)
        self.at_ms = max(self.at_ms, now_ms)
        refilled = self.level + Fraction(self.refill_per_s * passed, 1000)
        self.level = min(Fraction(self.capacity), refilled)
        if self.level < cost:
            return False
        self.level -= cost
        self.taken += cost
        return True


@dataclass(slots=True)
class Credits:
    """Every account's pools, and what found one empty."""

    config: CreditConfig
    exceedances: deque[Exceedance] = field(
        default_factory=lambda: deque(maxlen=KEPT_MAX)
    )
    _pools: dict[tuple[str, str], _Pool] = field(default_factory=dict)

    def charge(self, owner: str, method: str, now_ms: int) -> bool:
        """Take what *method* costs; False when the pool is empty."""
        name, cost = self._cost(method)
        pool = self._pools.get((owner, name))
        if pool is None:
            capacity, refill = self._size(name)
            pool = _Pool(capacity, refill, Fraction(capacity), now_ms)
            self._pools[owner, name] = pool
        if pool.take(cost, now_ms):
            return True
        self.exceedances.append(
            Exceedance(
                limit=name,
                scope=owner,
                at_ms=now_ms,
                count=cost,
                allowed=int(pool.level),
            )
        )
        return False

    def clock_stepped(self, by_ms: int) -> None:
        """The clock was set: no credit comes or goes by that."""
        for pool in self._pools.values():
            pool.at_ms += by_ms

    def taken(self, owner: str, name: str) -> int:
        """Credits that *owner* has spent of a pool, ever."""
        pool = self._pools.get((owner, name))
        return pool.taken if pool is not None else 0

    def _cost(self, method: str) -> tuple[str, int]:
        if method in MATCHING_METHODS:
            return "matching", 1
        return _COSTS.get(method, ("calls", CALL_CREDITS))

    def _size(self, name: str) -> tuple[int, int]:
        config = self.config
        return {
            "matching": (config.matching_burst, config.matching_rate),
            "calls": (
                config.calls_burst * CALL_CREDITS,
                config.calls_rate * CALL_CREDITS,
            ),
            "subscribe": (30_000, 10_000),
            "transaction_log": (80_000, 10_000),
            "instruments": (500_000, 10_000),
            "cancel_all": (250, 200),
        }[name]
