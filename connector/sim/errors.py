"""What can go wrong with a simulated world itself, as opposed to inside it.

These are faults of the program under test or of the simulation, never an outcome
a venue or a network could produce, so they share no parent with the outside
errors and nothing catches them by accident.
"""

from __future__ import annotations

from connector.errors import ConnectorError


class SimulationError(ConnectorError):
    """The world asked for something a simulation cannot or must not do."""


class Deadlock(SimulationError):
    """Nothing is ready, no timer is set, and the world is not finished.

    *waiting* has one line per unfinished task: its name and where it waits.
    """

    def __init__(self, waiting: list[str]) -> None:
        self.waiting = tuple(waiting)
        shown = "\n  ".join(waiting) or "(no task)"
        super().__init__(
            f"deadlock: nothing is ready and no timer is set; waiting:\n  {shown}"
        )


class LimitExceeded(SimulationError):
    """A bound of the world was hit: steps, virtual time or wall-clock time.

    *limit* names the bound (``max_steps``), *waiting* is as in `Deadlock`.
    """

    def __init__(self, limit: str, text: str, waiting: list[str]) -> None:
        self.limit = limit
        self.waiting = tuple(waiting)
        shown = "\n  ".join(waiting) or "(no task)"
        super().__init__(f"{limit}: {text}; unfinished:\n  {shown}")
