"""Names of things, as the trade spells them. All are opaque text."""

from __future__ import annotations

from typing import NewType

ClientOrderId = NewType("ClientOrderId", str)
"""Ours: letters and digits only, at most 32, never used twice."""

VenueOrderId = NewType("VenueOrderId", str)
"""The venue's; text because some exceed 2**53 and some are not numbers."""

TradeId = NewType("TradeId", str)
"""The venue's id of one execution; unique per instrument at least."""

Symbol = NewType("Symbol", str)
"""The venue's instrument name, for example BTCUSDT."""
