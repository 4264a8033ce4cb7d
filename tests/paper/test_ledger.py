"""The ledger: append-only, whole, and able to say when it is not."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from connector.paper.ledger import OUTSIDE, Entry, Ledger, LedgerError
from connector.paper.types import Fill, Order
from connector.paper.words import IncomeType, PositionSide

D = Decimal


@pytest.fixture(name="traded")
def _traded(desk: Any) -> Any:
    desk.order("a", "BUY", "0.010", client_order_id="x1")
    desk.order("a", "BUY", "0.010", "59000.0", client_order_id="x2")
    desk.order("a", "SELL", "0.004", reduce_only=True)
    return desk


def test_state_is_plain_json(traded: Any) -> None:
    """Orders, fills, positions and balances, amounts as text without exponents."""
    state = traded.engine.ledger.state("a")
    assert state == json.loads(json.dumps(state))
    assert {"orders", "fills", "positions", "balances"} == set(state)
    by_client_id = {row["client_order_id"]: row for row in state["orders"].values()}
    assert tuple(
        by_client_id["x1"][key] for key in ("status", "qty", "filled_qty")
    ) == ("FILLED", "0.01", "0.01")
    assert tuple(by_client_id["x2"][key] for key in ("status", "filled_qty")) == (
        "NEW",
        "0",
    )
    assert state["positions"] == {"BTCUSDT:BOTH": "0.006"}
    assert str(traded.wallet("a").normalize()) == state["balances"]["USDT"]
    assert [row["qty"] for row in state["fills"]] == ["0.01", "0.004"]


def test_facts_are_kept_in_order(traded: Any) -> None:
    """Every state of an order, every fill, every payment, oldest first."""
    facts = list(traded.engine.ledger.facts("a"))
    assert isinstance(facts[0], Entry)
    orders = [fact for fact in facts if isinstance(fact, Order)]
    assert [order.status.value for order in orders] == [
        "NEW",
        "FILLED",
        "NEW",
        "NEW",
        "FILLED",
    ]
    assert sum(isinstance(fact, Fill) for fact in facts) == 2


def test_sums(traded: Any) -> None:
    """Wallet, position and cost are sums of what was written."""
    ledger = traded.engine.ledger
    assert traded.wallet("a") == ledger.wallet("a", "USDT")
    position = ledger.position("a", "BTCUSDT", PositionSide.BOTH)
    assert D("0.006") == position
    fills = traded.engine.fills("a")
    cost = sum(f.qty * f.price * f.side.sign + f.realized_pnl for f in fills)
    assert cost == ledger.cost("a", "BTCUSDT", PositionSide.BOTH)


def _copy(engine: Any, drop: type | None = None) -> Ledger:
    """The ledger of "a" written again, without facts of one kind."""
    ledger = Ledger()
    for fact in engine.ledger.facts("a"):
        if isinstance(fact, Order):
            ledger.write_order(fact)
        elif isinstance(fact, Fill) and drop is not Fill:
            ledger.write_fill(fact)
        elif isinstance(fact, Entry):
            ledger.write_entry(fact)
    return ledger


def test_a_missing_fill_is_noticed(traded: Any) -> None:
    """Filled quantities must be sums of fills."""
    with pytest.raises(LedgerError, match="fills of order"):
        _copy(traded.engine, drop=Fill).check()


def test_a_one_sided_trade_is_noticed(traded: Any) -> None:
    """Somebody must have the other side."""
    with pytest.raises(LedgerError, match="net position"):
        _copy(traded.engine).check()


def test_a_closed_order_cannot_change(traded: Any) -> None:
    """Terminal states are final, filled quantities never fall."""
    ledger = _copy(traded.engine)
    done = next(o for o in traded.engine.orders("a") if not o.status.is_open)
    with pytest.raises(AssertionError, match="closed"):
        ledger.write_order(done)
    ledger = Ledger()
    part = replace(traded.engine.open_orders("a")[0], filled_qty=D(1))
    ledger.write_order(part)
    with pytest.raises(AssertionError, match="fell"):
        ledger.write_order(replace(part, filled_qty=D(0)))


def test_money_comes_from_somewhere() -> None:
    """Double entry: what one gets another gives."""
    ledger = Ledger()
    ledger.write_entry(
        Entry(
            account_id="a",
            payer=OUTSIDE,
            asset="USDT",
            amount=D(5),
            type=IncomeType.TRANSFER,
            symbol="",
            trade_id=0,
            time_ms=1,
        )
    )
    ledger.check()
    assert (D(5), D(-5)) == (ledger.wallet("a", "USDT"), ledger.wallet(OUTSIDE, "USDT"))
    ledger.write_entry(
        Entry(
            account_id="a",
            payer="~clearing",
            asset="USDT",
            amount=D(1),
            type=IncomeType.REALIZED_PNL,
            symbol="BTCUSDT",
            trade_id=1,
            time_ms=1,
        )
    )
    with pytest.raises(LedgerError, match="clearing"):
        ledger.check_clearing("USDT", frozenset({"BTCUSDT"}))


def test_an_empty_account_is_empty() -> None:
    """Nobody known has nothing."""
    state = Ledger().state("nobody")
    assert state == {"orders": {}, "fills": [], "positions": {}, "balances": {}}
