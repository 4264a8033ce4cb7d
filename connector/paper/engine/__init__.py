"""The machine of the simulated venue: one class, synchronous, time is an argument."""

from __future__ import annotations

from connector.paper.engine.engine import Engine

__all__ = ["Engine"]
