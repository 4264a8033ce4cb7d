"""Users' bots in hostile worlds: faults by kind and by time, results, replays."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from connector.config import SessionConfig
from connector.errors import UsageError
from connector.session import Session
from connector.sim.rehearsal import FAULTS, rehearse

# A killed process leaves coroutines behind that nobody awaits; that is the point.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore:coroutine .* was never awaited:RuntimeWarning",
)

SYMBOL = "BTCUSDT"


async def buy_once(session: Session) -> None:
    """One position, and no more."""
    if session.position(SYMBOL) is None:
        await session.buy(SYMBOL, "0.010")


async def raises(session: Session) -> None:
    """A bot with a defect that shows in the first second."""
    await asyncio.sleep(1)
    raise RuntimeError("a defect")


async def needs_luck(session: Session) -> None:
    """A bot that does not expect to be told otherwise."""
    while True:
        await asyncio.sleep(1)
        if not session.is_live:
            raise RuntimeError("not live")


def test_a_quiet_world_does_nothing_to_the_bot() -> None:
    """Without faults the ledger has what the bot asked for."""
    world = rehearse(buy_once, seconds=5, calm_s=1, chance=0)
    world.check()
    assert world.faults == ()
    assert world.lives == 1
    assert world.position(SYMBOL) == Decimal("0.010")


def test_faults_happen_at_their_times() -> None:
    """A script is played to the letter, nothing else happens."""
    script = [(4, "venue_down"), (2, "manual")]
    world = rehearse(buy_once, seconds=10, calm_s=1, chance=0, script=script)
    world.check()
    assert [fault.split(" (")[0] for fault in world.faults] == [
        "2.000 s: manual",
        "4.000 s: venue_down",
    ]


def test_only_the_kinds_that_were_asked_for() -> None:
    """*kinds* limits what may happen."""
    world = rehearse(buy_once, seconds=30, chance=0.8, kinds={"money", "consumer"})
    world.check()
    kinds = {fault.split(": ")[1].split(" ")[0] for fault in world.faults}
    assert kinds == {"money", "consumer"}


def test_what_a_bot_raises_is_told() -> None:
    """A bot's own defect fails the check, with the line it came from."""
    world = rehearse(raises, seconds=3, calm_s=0, chance=0)
    assert world.violations == ()
    with pytest.raises(AssertionError, match=r"the bot raised RuntimeError: a defect"):
        world.check()


def test_equal_seeds_are_equal_worlds() -> None:
    """The same faults at the same times, and the same end."""
    first, second = (rehearse(buy_once, seed=3, seconds=20) for _ in range(2))
    assert (first.faults, first.ledger) == (second.faults, second.ledger)
    assert rehearse(buy_once, seed=3, seconds=20, tape=first.tape) == first


def test_a_failure_is_made_small() -> None:
    """Only the faults that matter are left."""
    options = {"seed": 1, "seconds": 30.0, "chance": 0.6, "calm_s": 1.0}
    world = rehearse(needs_luck, **options, small_s=20)
    assert world.errors
    assert len(world.faults) == 1


def test_a_death_starts_the_bot_again() -> None:
    """The next process has the journal of the last."""
    lives: list[int] = []

    async def bot(session: Session) -> None:
        lives.append(len(session.positions))
        await buy_once(session)

    world = rehearse(bot, seconds=20, calm_s=1, chance=0, script=[(8, "kill")])
    world.check()
    assert lives == [0, 1]


def test_the_config_of_the_user_is_used() -> None:
    """What is not drawn is given."""
    seen: list[float] = []

    async def bot(session: Session) -> None:
        seen.append(session._open_shell.core.config.doubt_patience_s)

    config = SessionConfig(doubt_patience_s=1.5)
    rehearse(bot, seconds=2, calm_s=0, chance=0, config=config).check()
    assert seen == [1.5]


@pytest.mark.parametrize(
    "options",
    [
        {"kinds": {"earthquake"}},
        {"script": [(1, "flood")]},
        {"seconds": 0},
        {"chance": 2},
    ],
)
def test_what_cannot_be_played_is_refused(options: dict[str, object]) -> None:
    """Before anything happens, saying what there is."""
    with pytest.raises(UsageError):
        rehearse(buy_once, **options)
    assert "cut" in FAULTS
