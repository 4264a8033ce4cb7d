"""Deterministic worlds: virtual time, an in-memory network, seeds and tapes.

Unmodified asyncio, httpx and websockets code runs in a world; a day of it takes
seconds, and the same seed gives the same bytes at the same virtual times. Start
with `connector.sim.world`.
"""

from connector.sim.errors import Deadlock, LimitExceeded, SimulationError
from connector.sim.faults import Chaos, ConnectFate, FateKind
from connector.sim.link import Connection, Direction, LinkProfile
from connector.sim.loop import Limits, VirtualTimeLoop
from connector.sim.network import Network
from connector.sim.tape import Tape, shrink
from connector.sim.trace import Trace, TraceLine
from connector.sim.world import EPOCH_NS, Party, Result, World, WorldConfig, run_world

__all__ = [
    "EPOCH_NS",
    "Chaos",
    "ConnectFate",
    "Connection",
    "Deadlock",
    "Direction",
    "FateKind",
    "LimitExceeded",
    "Limits",
    "LinkProfile",
    "Network",
    "Party",
    "Result",
    "SimulationError",
    "Tape",
    "Trace",
    "TraceLine",
    "VirtualTimeLoop",
    "World",
    "WorldConfig",
    "run_world",
    "shrink",
]
