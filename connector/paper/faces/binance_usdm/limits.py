"""Request weight, order counts and connection limits, counted as the venue does.

Weight belongs to an IP address and is shared by REST and order entry; order
counts belong to the account. The venue's windows look like fixed calendar
windows, so those are enforced; in strict mode the sliding window is enforced
instead, which is the worst alignment. Whatever is enforced, every use that makes
a *sliding* window exceed its limit is kept in ``exceedances`` (the newest
``KEPT_MAX``), for laws to look at.

Source: Binance USDⓈ-M docs, "General Info" (LIMITS, IP limits, order rate
limits), read 2026-11.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from connector.paper.faces.binance_usdm.apierrors import ApiError
from connector.paper.faces.windows import KEPT_MAX, Exceedance, Window

MINUTE_MS = 60_000
TEN_SECONDS_MS = 10_000
SECOND_MS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitConfig:
    """Every limit of the venue; ``unlimited`` for clients under other tests."""

    weight_1m: int = 2400
    orders_10s: int = 300
    orders_1m: int = 1200
    handshake_weight: int = 5
    inbound_1s: int = 10
    control_frames_1s: int = 5
    streams_max: int = 1024
    calls_before_ban: int = 10
    floods_before_ban: int = 3
    ban_ms: int = 120_000
    is_strict: bool = False


@dataclass(slots=True)
class _Address:
    """One client address: its weight and how it behaved after a 429."""

    weight: Window
    calls_over: int = 0
    floods: int = 0
    banned_until_ms: int = 0


class Limits:
    """All counters of one venue."""

    def __init__(self, config: LimitConfig) -> None:
        self.config = config
        self.exceedances: deque[Exceedance] = deque(maxlen=KEPT_MAX)
        self._addresses: dict[str, _Address] = {}
        self._sockets: dict[tuple[int, str], Window] = {}
        self._orders: dict[str, tuple[Window, Window]] = {}

    def _address(self, peer: str) -> _Address:
        known = self._addresses.get(peer)
        if known is None:
            window = Window("WEIGHT_1M", peer, MINUTE_MS, self.config.weight_1m)
            known = self._addresses[peer] = _Address(window)
        return known

    def _orders_of(self, account_id: str) -> tuple[Window, Window]:
        known = self._orders.get(account_id)
        if known is None:
            ten, minute = self.config.orders_10s, self.config.orders_1m
            known = self._orders[account_id] = (
                Window("ORDERS_10S", account_id, TEN_SECONDS_MS, ten),
                Window("ORDERS_1M", account_id, MINUTE_MS, minute),
            )
        return known

    def _count(self, window: Window, now_ms: int) -> int:
        if self.config.is_strict:
            return window.sliding(now_ms)
        return window.calendar(now_ms)

    def _add(self, window: Window, cost: int, now_ms: int) -> None:
        exceeded = window.add(cost, now_ms)
        if exceeded is not None:
            self.exceedances.append(exceeded)

    def clock_stepped(self, by_ms: int) -> None:
        """The venue's clock was set; windows do not stretch or shrink by that."""
        windows = [address.weight for address in self._addresses.values()]
        windows += [window for pair in self._orders.values() for window in pair]
        windows += self._sockets.values()
        for window in windows:
            window.clock_stepped(by_ms)

    def charge_weight(self, peer: str, weight: int, now_ms: int) -> None:
        """Count *weight*; raises ApiError -1003 with 429, or 418 while banned."""
        address = self._address(peer)
        if now_ms < address.banned_until_ms:
            raise self._ban(address, now_ms)
        self._add(address.weight, weight, now_ms)
        if self._count(address.weight, now_ms) <= self.config.weight_1m:
            address.calls_over = 0
            return
        address.calls_over += 1
        if address.calls_over > self.config.calls_before_ban:
            address.calls_over = 0
            address.banned_until_ms = now_ms + self.config.ban_ms
            raise self._ban(address, now_ms)
        wait_s = address.weight.retry_after_s(now_ms, is_sliding=self.config.is_strict)
        raise ApiError(
            -1003,
            f"Too many requests; current limit is {self.config.weight_1m} requests "
            "per minute. Please use the websocket for live updates to avoid polling "
            "the API.",
            headers=(("Retry-After", str(wait_s)),),
        )

    def _ban(self, address: _Address, now_ms: int) -> ApiError:
        left_s = max(1, -(-(address.banned_until_ms - now_ms) // 1000))
        return ApiError(
            -1003,
            f"Way too many requests; IP banned until {address.banned_until_ms}. "
            "Please use the websocket for live updates to avoid bans.",
            status=418,
            headers=(("Retry-After", str(left_s)),),
        )

    def note_flood(self, peer: str, now_ms: int) -> None:
        """A socket was cut off for too many messages; repeating it ends in a ban."""
        address = self._address(peer)
        address.floods += 1
        if address.floods >= self.config.floods_before_ban:
            address.floods = 0
            address.banned_until_ms = now_ms + self.config.ban_ms

    def ban(self, peer: str, until_ms: int) -> None:
        """Ban an address until a time, as a fault."""
        self._address(peer).banned_until_ms = until_ms

    def charge_orders(
        self, account_id: str, ten_seconds: int, minute: int, now_ms: int
    ) -> None:
        """Count orders; raises ApiError -1015, the order is then not executed."""
        names = ("TEN_SECONDS", "MINUTE")
        costs = (ten_seconds, minute)
        windows = self._orders_of(account_id)
        for window, cost, name in zip(windows, costs, names, strict=True):
            if self._count(window, now_ms) + cost > window.allowed:
                self._add(window, cost, now_ms)
                text = f"current limit is {window.allowed} orders per {name}."
                raise ApiError(-1015, f"Too many new orders; {text}")
        for window, cost in zip(windows, costs, strict=True):
            self._add(window, cost, now_ms)

    def charge_socket(
        self, socket_id: int, name: str, allowed: int, now_ms: int
    ) -> bool:
        """Count one frame of a socket; False if its second is used up."""
        key = (socket_id, name)
        window = self._sockets.get(key)
        if window is None:
            window = Window(name, f"socket {socket_id}", SECOND_MS, allowed)
            self._sockets[key] = window
        self._add(window, 1, now_ms)
        return window.sliding(now_ms) <= allowed

    def forget_socket(self, socket_id: int) -> None:
        """Drop the counters of a closed socket."""
        for key in [key for key in self._sockets if key[0] == socket_id]:
            del self._sockets[key]

    def weight_header(self, peer: str, now_ms: int) -> tuple[str, str]:
        """The used-weight header of every REST answer."""
        used = self._count(self._address(peer).weight, now_ms)
        return ("X-MBX-USED-WEIGHT-1M", str(used))

    def order_headers(
        self, account_id: str, now_ms: int
    ) -> tuple[tuple[str, str], ...]:
        """The order-count headers of answers to orders."""
        names = ("X-MBX-ORDER-COUNT-10S", "X-MBX-ORDER-COUNT-1M")
        return tuple(
            (name, str(self._count(window, now_ms)))
            for name, window in zip(names, self._orders_of(account_id), strict=True)
        )

    def rules(self) -> list[dict[str, object]]:
        """``rateLimits`` of exchangeInfo."""
        return [
            _rule("REQUEST_WEIGHT", "MINUTE", 1, self.config.weight_1m),
            _rule("ORDERS", "MINUTE", 1, self.config.orders_1m),
            _rule("ORDERS", "SECOND", 10, self.config.orders_10s),
        ]

    def usage(
        self, peer: str, now_ms: int, *, account_id: str | None
    ) -> list[dict[str, object]]:
        """``rateLimits`` of an order-entry answer, with counts."""
        weight = self._count(self._address(peer).weight, now_ms)
        rows = [_rule("REQUEST_WEIGHT", "MINUTE", 1, self.config.weight_1m)]
        counts = [weight]
        if account_id is not None:
            rows.append(_rule("ORDERS", "SECOND", 10, self.config.orders_10s))
            rows.append(_rule("ORDERS", "MINUTE", 1, self.config.orders_1m))
            counts += [
                self._count(window, now_ms) for window in self._orders_of(account_id)
            ]
        return [{**row, "count": n} for row, n in zip(rows, counts, strict=True)]


def _rule(kind: str, interval: str, number: int, limit: int) -> dict[str, object]:
    return {
        "rateLimitType": kind,
        "interval": interval,
        "intervalNum": number,
        "limit": limit,
    }
