"""A desk in front of the engine: short words for long calls, audited each time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.paper.engine import Engine
from connector.paper.types import (
    Conditional,
    EngineRules,
    Event,
    Instrument,
    NewConditional,
    NewOrder,
    Order,
    OrderEvent,
    Position,
    Refusal,
)
from connector.paper.words import (
    ConditionalType,
    OrderType,
    PositionSide,
    Reason,
    Side,
)

sys.path.insert(0, str(Path(__file__).parent))  # helpers beside the tests

START_MS = 1_795_341_600_000
BTC = "BTCUSDT"


class Desk:
    """An engine with a frozen market, accounts "a" and "b", and a clock."""

    def __init__(
        self,
        *,
        balance: str = "5000",
        rules: EngineRules | None = None,
        instruments: tuple[Instrument, ...] | None = None,
        house: bool = True,
        seed: int = 7,
    ) -> None:
        self.now_ms = START_MS
        self.engine = Engine(
            seed=seed, now_ms=START_MS, rules=rules, instruments=instruments
        )
        self.engine.freeze()
        if not house:
            for symbol in self.engine.instruments:
                self.engine.set_liquidity(symbol, qty_factor=Decimal(0))
        for name in ("a", "b"):
            self.open(name, balance)
        self.engine.drain()

    def open(self, name: str, balance: str) -> None:
        """Another account."""
        self.engine.open_account(name, {"USDT": Decimal(balance)}, now_ms=self.now_ms)

    def mark(self, price: str, symbol: str = BTC) -> None:
        """Steer the mark."""
        self.engine.set_mark(symbol, Decimal(price), now_ms=self.now_ms)
        self.engine.audit()

    def wait(self, ms: int) -> None:
        """Let time pass."""
        self.now_ms += ms
        self.engine.advance(self.now_ms)
        self.engine.audit()

    def try_order(
        self,
        name: str,
        side: str,
        qty: str,
        price: str | None = None,
        *,
        symbol: str = BTC,
        **more: Any,
    ) -> Order | Refusal:
        """Place an order: limit with a price, market without."""
        request = NewOrder(
            symbol=symbol,
            side=Side(side),
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            qty=Decimal(qty),
            price=None if price is None else Decimal(price),
            **more,
        )
        answer = self.engine.place(name, request, now_ms=self.now_ms)
        self.engine.audit()
        return answer

    def order(self, name: str, side: str, qty: str, *args: str, **more: Any) -> Order:
        """The same, accepted for sure."""
        answer = self.try_order(name, side, qty, *args, **more)
        assert isinstance(answer, Order), answer
        return answer

    def refused(self, *args: str, **more: Any) -> Reason:
        """The same, refused for sure; nothing may have been told."""
        told = self.engine.drain()
        answer = self.try_order(*args, **more)
        assert isinstance(answer, Refusal), answer
        assert self.engine.drain() == []
        self.engine._world.outbox = told
        return answer.reason

    def amend(self, order: Order, **changes: str) -> Order | Refusal:
        """Amend price and quantity."""
        answer = self.engine.amend(
            order.account_id,
            order.symbol,
            order.order_id,
            now_ms=self.now_ms,
            **{name: Decimal(value) for name, value in changes.items()},
        )
        self.engine.audit()
        return answer

    def now(self, order: Order) -> Order:
        """The order as it is now."""
        found = self.engine.order(order.account_id, order.order_id)
        assert found is not None
        return found

    def conditional(
        self, name: str, kind: str, side: str, qty: str, **more: Any
    ) -> Conditional | Refusal:
        """Place a conditional order; texts become decimals."""
        fields = {
            key: Decimal(value)
            if isinstance(value, str) and value[0].isdigit()
            else value
            for key, value in more.items()
        }
        request = NewConditional(
            symbol=BTC,
            side=Side(side),
            type=ConditionalType(kind),
            qty=Decimal(qty),
            **fields,
        )
        answer = self.engine.place_conditional(name, request, now_ms=self.now_ms)
        self.engine.audit()
        return answer

    def position(
        self,
        name: str,
        symbol: str = BTC,
        side: PositionSide = PositionSide.BOTH,
    ) -> Position:
        """One position row, flat or not."""
        rows = self.engine.positions(name, symbol, all_rows=True)
        return next(row for row in rows if row.position_side is side)

    def wallet(self, name: str) -> Decimal:
        """USDT wallet."""
        return self.engine.account(name).totals.wallet

    def told(self, name: str) -> list[Event]:
        """Events of one account since the last call."""
        return [
            event
            for event in self.engine.drain()
            if getattr(event, "account_id", "") == name
        ]

    def order_story(self, name: str) -> list[str]:
        """Order events as "KIND/STATUS/REASON" since the last call."""
        return [
            f"{event.kind}/{event.order.status}/{event.order.end_reason}"
            for event in self.told(name)
            if isinstance(event, OrderEvent)
        ]


@pytest.fixture(name="desk")
def _desk() -> Desk:
    return Desk()


@pytest.fixture(name="make_desk")
def _make_desk() -> Callable[..., Desk]:
    return Desk
