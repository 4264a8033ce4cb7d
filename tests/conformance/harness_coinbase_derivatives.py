"""Coinbase's gateway for the conformance cases: Deribit behind other keys."""

from __future__ import annotations

from harness_deribit import HARNESS

__all__ = ["HARNESS"]
