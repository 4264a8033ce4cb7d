"""How often: per account and operation, per address, and per connection.

Operations have rolling windows of one second per account, shared by REST and
order entry; single and batch calls have separate ones, and a batch that runs out
part-way fails only its tail. An address may make 600 HTTP calls in 5 s, then every
call is refused for ten minutes; it may open 500 sockets in 5 minutes.

Source: Bybit v5 docs, "Rate Limit Rules", read 2026-11.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from connector.paper.faces.bybit_v5.apierrors import ApiError, PageError
from connector.paper.faces.windows import KEPT_MAX, Exceedance, Window

SECOND_MS = 1000
BAN_MS = 600_000

# Operation -> calls (orders, for batches) a second in the default tier.
OPERATIONS: dict[str, int] = {
    "create": 10,
    "amend": 10,
    "cancel": 10,
    "cancel-all": 10,
    "create-batch": 10,
    "amend-batch": 10,
    "cancel-batch": 10,
    "realtime": 50,
    "history": 50,
    "executions": 50,
    "positions": 50,
    "leverage": 10,
    "position-mode": 10,
    "margin-mode": 5,
    "account": 50,
    "wallet": 50,
    "fee-rate": 5,
    "ledger": 25,
    "key-info": 10,
    "dcp": 5,
    "assets": 5,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitConfig:
    """What a test may change; *factor* multiplies the limits of operations."""

    factor: int = 1
    http_5s: int = 600
    connects_300s: int = 500
    trade_1s: int = 3000
    ban_ms: int = BAN_MS


@dataclass(slots=True)
class _Address:
    http: Window
    connects: Window
    trade: Window
    banned_until_ms: int = 0


@dataclass(slots=True)
class Limits:
    """All counters of one venue."""

    config: LimitConfig
    exceedances: deque[Exceedance] = field(
        default_factory=lambda: deque(maxlen=KEPT_MAX)
    )
    _addresses: dict[str, _Address] = field(default_factory=dict)
    _operations: dict[tuple[str, str], Window] = field(default_factory=dict)

    def _address(self, peer: str) -> _Address:
        known = self._addresses.get(peer)
        if known is None:
            config = self.config
            known = self._addresses[peer] = _Address(
                Window("HTTP_5S", peer, 5000, config.http_5s),
                Window("CONNECTS_300S", peer, 300_000, config.connects_300s),
                Window("TRADE_1S", peer, SECOND_MS, config.trade_1s),
            )
        return known

    def _window(self, account_id: str, operation: str) -> Window:
        key = (account_id, operation)
        window = self._operations.get(key)
        if window is None:
            allowed = OPERATIONS[operation] * self.config.factor
            window = Window(f"{operation}-1S", account_id, SECOND_MS, allowed)
            self._operations[key] = window
        return window

    def _note(self, exceeded: Exceedance | None) -> bool:
        if exceeded is None:
            return False
        self.exceedances.append(exceeded)
        return True

    def clock_stepped(self, by_ms: int) -> None:
        """The venue's clock was set; windows and bans do not stretch by that."""
        windows = list(self._operations.values())
        for address in self._addresses.values():
            windows += (address.http, address.connects, address.trade)
            address.banned_until_ms += by_ms
        for window in windows:
            window.clock_stepped(by_ms)

    def ban(self, peer: str, until_ms: int) -> None:
        """Refuse an address until a time."""
        self._address(peer).banned_until_ms = until_ms

    def charge_http(self, peer: str, now_ms: int) -> None:
        """Count one HTTP call; raises the page of a banned address."""
        address = self._address(peer)
        if now_ms >= address.banned_until_ms and self._note(
            address.http.add(1, now_ms)
        ):
            address.banned_until_ms = now_ms + self.config.ban_ms
        if now_ms < address.banned_until_ms:
            raise PageError(403, "403, access too frequent")

    def charge_connect(self, peer: str, now_ms: int) -> None:
        """Count one new socket; raises a page when there were too many."""
        if self._note(self._address(peer).connects.add(1, now_ms)):
            raise PageError(403, "403, too many connections")

    def charge_frame(self, peer: str, now_ms: int) -> None:
        """Count one request of order entry; raises 10403."""
        if self._note(self._address(peer).trade.add(1, now_ms)):
            raise ApiError(10403, "IP exceeds the rate limit")

    def charge(self, account_id: str, operation: str, units: int, now_ms: int) -> int:
        """Count *units* of an operation; how many of them may be carried out.

        Raises 10006 if none. What is refused is an exceedance, but uses nothing.
        """
        window = self._window(account_id, operation)
        used = window.sliding(now_ms)
        granted = min(units, max(0, window.allowed - used))
        if granted < units:
            self.exceedances.append(
                Exceedance(
                    limit=window.name,
                    scope=account_id,
                    at_ms=now_ms,
                    count=used + units,
                    allowed=window.allowed,
                )
            )
        window.add(granted, now_ms)
        if not granted:
            raise ApiError(10006, reset_ms=now_ms + SECOND_MS)
        return granted

    def headers(
        self, account_id: str, operation: str, now_ms: int, reset_ms: int | None = None
    ) -> tuple[tuple[str, str], ...]:
        """What every private answer tells about its operation."""
        window = self._window(account_id, operation)
        left = max(0, window.allowed - window.sliding(now_ms))
        reset = now_ms if reset_ms is None else reset_ms
        return (
            ("X-Bapi-Limit", str(window.allowed)),
            ("X-Bapi-Limit-Status", str(left)),
            ("X-Bapi-Limit-Reset-Timestamp", str(reset)),
        )
