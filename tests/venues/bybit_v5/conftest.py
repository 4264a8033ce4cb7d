"""Golden payloads of Bybit v5, and the dialect under test."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector.dialect import Dialect
from connector.dialect.facts import Fact
from connector.venues.registry import dialect_for

sys.path.insert(0, str(Path(__file__).parent))  # helpers beside the tests

GOLDEN = Path(__file__).parents[2] / "golden" / "bybit_v5"


@pytest.fixture
def dialect() -> Dialect:
    """The dialect, by its name."""
    return dialect_for("bybit-v5")


@pytest.fixture
def frames() -> dict[str, Any]:
    """Frames of all sockets by name."""
    found = json.loads((GOLDEN / "frames.json").read_text())
    assert isinstance(found, dict)
    return found


@pytest.fixture
def answers() -> dict[str, Any]:
    """REST answers by name."""
    found = json.loads((GOLDEN / "answers.json").read_text())
    assert isinstance(found, dict)
    return found


@pytest.fixture
def told(dialect: Dialect, frames: dict[str, Any]) -> Callable[..., tuple[Fact, ...]]:
    """Facts of a golden frame; keyword arguments change its first row."""

    def tell(name: str, **changes: Any) -> tuple[Fact, ...]:
        frame = frames[name]
        if changes:
            frame["data"][0] |= changes
        return dialect.read_frame(json.dumps(frame).encode())

    return tell
