"""A few real seconds of what `loopback.py` does for an hour."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def loopback() -> Any:
    path = Path(__file__).with_name("loopback.py")
    spec = importlib.util.spec_from_file_location("soak_loopback", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_harm_on_the_way_costs_nothing(
    loopback: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: whatever a network does to its connections, session and ledger agree in
    the end, and every fill is told once."""
    monkeypatch.setattr(loopback, "HARMS", ("cut", "reset", "slow"))  # soon over
    monkeypatch.setattr(loopback, "PAUSE_S", 0.3)
    told = loopback.soak(4.0, "binance-usdm", seed=2)
    assert told.wrong == []
    assert told.fills > 10
    assert sum(told.harms.values()) > 0
