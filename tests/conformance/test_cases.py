"""The conformance list: what every venue must do, over loopback, with defaults.

A case is one coroutine in a `cases_*` module; its number is its place in CASES. A
venue that cannot do a thing must say `Unsupported` before anything is sent, which is
a case of its own.
"""

from __future__ import annotations

import asyncio
from importlib import import_module

import pytest
from harness import HARNESSES
from venue import desk
from venue_cases import CASES

CASE_COUNT = 46
ROOMS = ("cases_orders", "cases_account", "cases_gaps", "cases_input")

for room in ROOMS:  # cases are numbered in this order
    import_module(room)


@pytest.mark.parametrize("venue", sorted(HARNESSES))
@pytest.mark.parametrize("number", range(CASE_COUNT), ids=lambda n: f"{n:02d}")
def test_case(venue: str, number: int) -> None:
    """Every venue passes every case of the list."""
    if number >= len(CASES):
        pytest.fail("the range above is longer than the list")

    async def run() -> None:
        async with asyncio.timeout(30), desk(venue) as at:
            await CASES[number](at)

    asyncio.run(run())


def test_every_case_is_run() -> None:
    """The numbers above cover the list exactly."""
    assert len(CASES) == CASE_COUNT
