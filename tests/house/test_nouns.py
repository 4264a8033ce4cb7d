"""Nouns are copied by the one function that knows how they are made."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import connector
from connector.model.ids import ClientOrderId, Symbol
from connector.model.noun import Noun, as_plain, replace
from connector.model.order import Fill, Order, OrderStatus, OrderType, Side

ROOMS = ("core", "dialect", "venues")
HOUSE = Path(connector.__file__).parent
BORROWED = re.compile(r"^from dataclasses import .*\b(replace|asdict|fields)\b", re.M)


def order() -> Order:
    return Order(
        client_order_id=ClientOrderId("c1"),
        venue_order_id=None,
        symbol=Symbol("BTCUSDT"),
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        status=OrderStatus.NEW,
        qty=None,
        price=None,
    )


def test_dataclass_tools_are_not_used_on_nouns() -> None:
    """`dataclasses.replace` fails on a noun only when the line runs: so no line."""
    wrong = [
        str(path.relative_to(HOUSE))
        for room in ROOMS
        for path in sorted((HOUSE / room).rglob("*.py"))
        if BORROWED.search(path.read_text(encoding="utf-8"))
    ]
    assert wrong == []


def test_nouns_are_immutable_and_compare_by_value() -> None:
    """A bot that keeps an order keeps what it saw."""
    one = order()
    with pytest.raises(AttributeError):
        one.status = OrderStatus.FILLED
    assert one == order()
    assert hash(one) == hash(order())
    assert replace(one, status=OrderStatus.FILLED) != one
    assert one.status is OrderStatus.NEW


def test_as_plain_reaches_every_depth() -> None:
    """Nouns inside tuples and mappings become dicts too; other values stay."""

    class Box(Noun, frozen=True):
        held: tuple[Order, ...]
        by_name: dict[str, Order]

    plain = as_plain(Box((order(),), {"a": order()}))
    assert plain["held"][0]["client_order_id"] == "c1"
    assert plain["by_name"]["a"]["status"] is OrderStatus.NEW
    assert list(plain["held"][0]) == list(Order.__struct_fields__)
    assert Fill.__struct_fields__[0] == "symbol"


MADE_PER_EVENT = {"Order", "OrderFact", "OrderIntent", "Position", "PositionFact"}
ARGUMENTS_MAX = 30  # of a call that needs no dict; a name counts as one more


def costly(text: str) -> list[str]:
    """Calls that make one of those nouns from a dict."""
    return [
        f"{ast.unparse(node.func)} in line {node.lineno}"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[-1] in MADE_PER_EVENT
        and len(node.args) + 2 * len(node.keywords) > ARGUMENTS_MAX
    ]


def test_nouns_made_per_event_are_made_without_a_dict() -> None:
    """Too many arguments by name make a call six times as dear."""
    names = ", ".join(f"a{n}=1" for n in range(16))
    assert costly(f"facts.OrderFact({names})") == ["facts.OrderFact in line 1"]
    assert costly(f"OrderFact(1, 2, {names})".replace("a0=1, a1=1, ", "")) == []
    wrong = {
        str(path.relative_to(HOUSE)): found
        for room in (*ROOMS, "session")
        for path in sorted((HOUSE / room).rglob("*.py"))
        if (found := costly(path.read_text(encoding="utf-8")))
    }
    assert wrong == {}
