"""Request limits, counted as the venue does: windows of two seconds.

Order operations count per user, operation and instrument, whichever channel they
come by; new and amended orders of all instruments count together as well. Other
private calls count per user, public ones per address, logins and subscriptions per
connection and hour. There are no headers. Windows are sliding here, the worst
alignment; every use above one is kept in ``exceedances``.

Source: OKX API v5 docs, "Rate Limits" and the line of each endpoint, read 2026-11.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from connector.paper.faces.okx_v5.apierrors import ApiError
from connector.paper.faces.windows import KEPT_MAX, Exceedance, Window

WINDOW_MS = 2000
HOUR_MS = 3_600_000
PER_INSTRUMENT = {
    "place": 60,
    "amend": 60,
    "cancel": 60,
    "place-batch": 300,
    "amend-batch": 300,
    "cancel-batch": 300,
    "place-algo": 20,
    "amend-algo": 20,
    "cancel-algo": 20,
    "query": 60,
}
ALL_ORDERS = frozenset(("place", "amend", "place-batch", "amend-batch"))


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitConfig:
    """What a test may want to change; *factor* multiplies every limit."""

    factor: int = 1
    account_orders: int = 1000
    subscriptions_1h: int = 480
    connects_1s: int = 3


class Limits:
    """All counters of one venue."""

    def __init__(self, config: LimitConfig) -> None:
        self.config = config
        self.exceedances: deque[Exceedance] = deque(maxlen=KEPT_MAX)
        self._windows: dict[tuple[str, str], Window] = {}

    def _charge(
        self, name: str, scope: str, allowed: int, now_ms: int, units: int, span_ms: int
    ) -> bool:
        """Count *units*; False if that was too much."""
        window = self._windows.get((name, scope))
        if window is None:
            window = Window(name, scope, span_ms, allowed * self.config.factor)
            self._windows[name, scope] = window
        exceeded = window.add(units, now_ms)
        if exceeded is not None:
            self.exceedances.append(exceeded)
        return exceeded is None

    def charge_call(self, name: str, scope: str, allowed: int, now_ms: int) -> None:
        """Count a call that is no order; raises 50011."""
        if not self._charge(name, scope, allowed, now_ms, 1, WINDOW_MS):
            raise ApiError(50011)

    def charge_orders(
        self, operation: str, account_id: str, symbol: str, units: int, now_ms: int
    ) -> None:
        """Count orders of one instrument; raises 50011 or 50061, nothing is done."""
        allowed = PER_INSTRUMENT[operation]
        scope = f"{account_id} {symbol}"
        fits = self._charge(operation, scope, allowed, now_ms, units, WINDOW_MS)
        if operation in ALL_ORDERS:
            limit = self.config.account_orders
            if not self._charge("orders", account_id, limit, now_ms, units, WINDOW_MS):
                raise ApiError(50061)
        if not fits:
            raise ApiError(50011)

    def charge_socket(self, socket_id: int, now_ms: int) -> None:
        """Count a login or a subscription of a connection; raises 60014."""
        scope, limit = f"socket {socket_id}", self.config.subscriptions_1h
        if not self._charge("subscriptions", scope, limit, now_ms, 1, HOUR_MS):
            raise ApiError(60014)

    def charge_connect(self, peer: str, now_ms: int) -> bool:
        """Count a new connection; False if there are too many."""
        limit = self.config.connects_1s
        return self._charge("connects", peer, limit, now_ms, 1, 1000)

    def clock_stepped(self, by_ms: int) -> None:
        """The venue's clock was set; windows do not stretch or shrink by that."""
        for window in self._windows.values():
            window.clock_stepped(by_ms)

    def forget_socket(self, socket_id: int) -> None:
        """Drop the counters of a closed connection."""
        self._windows.pop(("subscriptions", f"socket {socket_id}"), None)
