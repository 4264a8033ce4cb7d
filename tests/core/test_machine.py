"""The machine as a whole: opening, wishes, and one account of time."""

from __future__ import annotations

from typing import Any


def test_opens(desk: Any) -> None:
    """Law 6: live only after subscription and reconciliation."""
    assert desk.core.is_live
