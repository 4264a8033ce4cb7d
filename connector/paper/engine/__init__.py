"""The machine of the simulated venue: one class, synchronous, time is an argument.

    engine      the calls; each first lets the venue live until ``now_ms``
    views       the questions                queries     how they are answered
    clock       steps, timers, funding, and what a price move causes
    orders      admission, placing, amending, cancelling
    matching    price-time priority, house included; reduce-only upkeep
    triggers    conditional orders           forced      liquidation, ADL, funding
    margin      the formulas                 accounts    money and modes
    booking     fills, money and events, each written once
    state, book what changes                 audit       state against ledger

A price move causes, in this order: fills of orders it reached, triggers,
liquidations, and triggers again. Amounts are kept on a grid of 8 decimals; what
is realised is what the wallet gets, so that everything adds up exactly.
"""

from __future__ import annotations

from connector.paper.engine.engine import Engine

__all__ = ["Engine"]
