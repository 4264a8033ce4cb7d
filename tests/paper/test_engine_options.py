"""Options of the simulated venue: model prices against published vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connector.paper.engine.options import black76

GOLDEN = Path(__file__).parents[1] / "golden" / "deribit" / "black76_vectors.json"
VECTORS: list[dict[str, Any]] = json.loads(GOLDEN.read_text())["vectors"]


@pytest.mark.parametrize("row", VECTORS, ids=lambda row: f"{row['K']}-{row['type']}")
def test_black76_vectors(row: dict[str, Any]) -> None:
    """Price, mark and every greek of the vectors, the first a real ticker."""
    value = black76(
        forward=row["F"],
        strike=row["K"],
        days=row["days"],
        iv_percent=row["iv_percent"],
        is_call=row["type"] == "call",
    )
    assert value.price == pytest.approx(row["price_usd"], rel=1e-6, abs=1e-8)
    assert value.mark == pytest.approx(row["mark"], rel=1e-6, abs=1e-8)
    for name in ("delta", "gamma", "vega", "theta", "rho"):
        told = row[name]
        assert getattr(value, name) == pytest.approx(told, rel=2e-5, abs=2e-9), name


@pytest.mark.parametrize(("is_call", "worth"), [(True, 2000.0), (False, 0.0)])
def test_at_expiry_an_option_is_worth_its_intrinsic_value(
    is_call: bool, worth: float
) -> None:
    """With no time left there is nothing but what it would pay."""
    value = black76(
        forward=100_000, strike=98_000, days=0, iv_percent=50, is_call=is_call
    )
    assert value.price == worth
    assert value.theta == 0
