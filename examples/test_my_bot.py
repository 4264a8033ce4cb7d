"""Test your own bot in a hostile world: pytest examples/test_my_bot.py

The bot below keeps one position of 0.010 and goes home flat. The tests play it on
virtual time against a venue that cuts connections, loses answers and restarts, and
kill its process in the middle; a minute of that takes a second or less. When a test
fails it prints the faults, and the same seed plays the same world again.
"""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal

import pytest

from connector import Session
from connector.errors import ConnectorError
from connector.sim.rehearsal import rehearse

SYMBOL = "BTCUSDT"
TARGET = Decimal("0.010")


async def bot(session: Session) -> None:
    """Hold TARGET for half a minute of trust in the state, then close it."""
    held_s = 0
    while held_s < 30:
        await move_to(session, TARGET)
        await asyncio.sleep(1)
        held_s += session.is_live
    while held(session) != 0 or not session.is_live:
        await move_to(session, Decimal(0))
        await asyncio.sleep(1)


def held(session: Session) -> Decimal:
    """The position, as the session knows it."""
    position = session.position(SYMBOL)
    return Decimal(0) if position is None else position.qty


async def move_to(session: Session, target: Decimal) -> None:
    """One order for the difference, unless something is still open or unknown."""
    difference = target - held(session)
    if difference == 0 or not session.is_live or session.orders:
        return
    trade = session.buy if difference > 0 else session.sell
    with contextlib.suppress(ConnectorError):  # not sent, and it says so: look again
        await trade(SYMBOL, abs(difference))


@pytest.mark.parametrize("seed", range(4))
def test_it_goes_home_flat(seed: int) -> None:
    """Whatever befalls network and venue, nothing is left at the venue."""
    world = rehearse(
        bot,
        seed=seed,
        seconds=60,
        calm_s=120,
        chance=0.3,
        kinds={"cut", "stall", "call", "answer", "frames", "mute", "venue_down"},
    )
    world.check()
    assert world.position(SYMBOL) == 0


def test_it_survives_the_death_of_its_process() -> None:
    """Killed at 20 s of the world, it starts again and knows what it holds."""
    world = rehearse(bot, seconds=60, calm_s=120, chance=0, script=[(20, "kill")])
    world.check()
    assert world.lives == 2
    assert world.position(SYMBOL) == 0
