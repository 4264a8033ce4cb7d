"""One deterministic world: loop, network, tape, clocks and trace, and how to run it.

    async def main(world: World) -> int:
        with world.party("venue"):
            server = await serve(...)           # loop.create_server underneath
        with world.party("bot", skew_ns=-40_000_000):
            async with httpx.AsyncClient() as client:
                await client.get("http://venue:8080/")
        ...

    result = run_world(main, seed=7)
    result.unwrap()                             # or raises what main raised
    run_world(main, seed=7, tape=result.tape)   # the same world again
    shrink(result.tape, lambda tape: run_world(main, seed=7, tape=tape).failed)

The seed draws latencies, random bytes and `world.random`; the tape decides faults,
and whatever else main lets it decide with ``world.tape.draw("option", 4)``, which
then shrinks and replays with the faults. Inside a world `time.time_ns` and
`time.monotonic_ns` are virtual (see `connector.sim.determinism`), so code under test
needs no special clock; monotonic time begins at 0. Faults are caused by `Chaos` or by
hand, through `world.network` and its connections:

    world.network.chaos = Chaos(segment_chance=0.02)
    ...
    world.network.heal()                        # then demand that all is well

Shrinking needs a *fails* that recognises the failure it is about, not any failure.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Generic, TypeVar

from connector.sim.determinism import virtual_process
from connector.sim.errors import SimulationError
from connector.sim.faults import Chaos
from connector.sim.link import LinkProfile
from connector.sim.loop import Limits, VirtualTimeLoop
from connector.sim.network import Network
from connector.sim.tape import Tape
from connector.sim.tasks import has_started
from connector.sim.trace import Trace

T = TypeVar("T")
_perf_counter = time.perf_counter  # the real clock, also while a world replaces it

EPOCH_NS = 1_795_341_600_000 * 1_000_000
"""Wall-clock time at which every world begins: 2026-11-22 10:00:00 UTC."""

_MAIN = "main"
_CLEANUP_TURNS = 64

_party: contextvars.ContextVar[Party | None] = contextvars.ContextVar(
    "party", default=None
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldConfig:
    """What a world is like before anything happens in it.

    *chaos* None is a quiet network (a test may set `world.network.chaos` later).
    *executor_delay_s*: see `VirtualTimeLoop`. *trace_lines* is how many lines of the
    trace stay readable, *trace_preview* how many bytes of each write they show.
    """

    limits: Limits = field(default_factory=Limits)
    profile: LinkProfile = field(default_factory=LinkProfile)
    chaos: Chaos | None = None
    executor_delay_s: float | None = 0.0
    trace_lines: int = 10_000
    trace_preview: int = 0
    epoch_ns: int = EPOCH_NS


class Party:
    """A named participant on a host of its own, whose wall clock is off by *skew_ns*.

    Positive skew: the party's clock is ahead; assign to *skew_ns* to let it jump.
    Two parties are the same only if they are the same object: a restarted one is
    another party on the same host. *task* is set by `World.start`.
    """

    def __init__(self, name: str, skew_ns: int = 0) -> None:
        self.name = name
        self.skew_ns = skew_ns
        self.task: asyncio.Task[Any] | None = None

    def __repr__(self) -> str:
        return f"Party({self.name!r}, skew_ns={self.skew_ns})"


class World:
    """What the program in a world can use besides ordinary asyncio."""

    def __init__(self, seed: int, tape: Tape, config: WorldConfig) -> None:
        self.seed = seed
        self.tape = tape
        self.random = Random(f"world/{seed}")  # noqa: S311 - reproducible on purpose
        self.loop = VirtualTimeLoop(
            limits=config.limits, executor_delay_s=config.executor_delay_s
        )
        self.trace = Trace(
            self.mono_ns, keep=config.trace_lines, preview=config.trace_preview
        )
        self.network = Network(self.loop, trace=self.trace, tape=tape, seed=seed)
        self.network.profile = config.profile
        self.network.chaos = config.chaos
        self.loop.network = self.network
        self.errors: list[str] = []
        self._killed: set[Party | None] = set()  # asked, never iterated
        self._epoch_ns = config.epoch_ns
        self.loop.set_exception_handler(self._note_error)

    # Time

    def mono_ns(self) -> int:
        """Nanoseconds since the world began; the same for all parties."""
        return self.loop.now_ns

    def now(self, party: Party | None = None) -> int:
        """Wall clock in ns (UTC epoch) as *party*, else the current party, sees it."""
        party = party or _party.get()
        skew_ns = party.skew_ns if party else 0
        return self._epoch_ns + self.loop.now_ns + skew_ns

    # Parties

    @contextlib.contextmanager
    def party(self, name: str, *, skew_ns: int = 0) -> Iterator[Party]:
        """Code in this block, and every task and server it starts, is *name*.

        It connects from the address of host *name*, and `time.time_ns` shows its
        skewed clock. Leaving the block returns to the party before.
        """
        party = Party(name, skew_ns)
        token = _party.set(party)
        try:
            with self.network.on_host(name):
                yield party
        finally:
            _party.reset(token)

    def start(
        self, name: str, coro: Coroutine[Any, Any, Any], *, skew_ns: int = 0
    ) -> Party:
        """Run *coro* as a party of its own, in `Party.task`."""
        with self.party(name, skew_ns=skew_ns) as party:
            party.task = self.loop.create_task(coro, name=name)
        return party

    def kill(self, party: Party) -> None:
        """kill -9: nothing of *party* runs any more, not even ``finally``.

        Its kernel closes its connections (bytes already written to the network
        still arrive) and its servers. Killed tasks never finish: do not await
        them. Look at what they left behind before main returns, because the end of
        a world cancels them like all other tasks. Code that runs as *party* at this
        moment dies at its next await. What the operating system would release
        besides (file locks) is the caller's.
        """
        self._killed.add(party)
        self.trace.add("kill", party.name)
        self.loop.kill(self._is_dead)
        self.network.kill(self._is_dead)

    def _is_dead(self, context: contextvars.Context | None) -> bool:
        party = _party.get() if context is None else context.get(_party)
        return party in self._killed

    # Notes

    def note(self, kind: str, text: str = "") -> None:
        """Add a line of the program's own to the trace (and to its hash)."""
        self.trace.add(f"note.{kind}", text)

    def _note_error(
        self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]
    ) -> None:
        exc = context.get("exception")
        if isinstance(exc, asyncio.CancelledError):
            return  # asyncio 3.11 reports cancelled stream servers as failures
        shown = f"{context['message']}: {type(exc).__name__}: {exc}" if exc else ""
        self.errors.append(shown or context["message"])
        self.trace.add("error", context["message"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(Generic[T]):
    """How a world ended.

    *errors* are what asyncio reports to the loop's exception handler (failed
    callbacks, exceptions nobody retrieved). *tape* replays the world. *left_open*
    counts connections still open when main ended, *left_running* names tasks that
    were not done: leaks, unless main meant it.
    """

    seed: int
    error: BaseException | None
    trace: Trace
    trace_hash: str
    tape: list[int]
    faults: list[tuple[int, str, int]]
    errors: tuple[str, ...]
    left_open: int
    left_running: tuple[str, ...]
    virtual_ns: int
    steps: int
    wall_s: float
    returned: T | None

    @property
    def failed(self) -> bool:
        """Main raised, or something failed in the background."""
        return self.error is not None or bool(self.errors)

    def unwrap(self) -> T:
        """What main returned; raises what it raised, noting how to replay it."""
        if self.error is not None:
            note = f"world: seed={self.seed} faults={self.faults}"
            if note not in getattr(self.error, "__notes__", ()):
                self.error.add_note(note)
            raise self.error
        return self.returned  # type: ignore[return-value]  # set when error is None

    @property
    def speed(self) -> float:
        """Virtual seconds per real second."""
        return self.virtual_ns / 1e9 / max(self.wall_s, 1e-9)


def run_world(
    main: Callable[[World], Awaitable[T]],
    seed: int,
    tape: Sequence[int] | None = None,
    *,
    config: WorldConfig | None = None,
) -> Result[T]:
    """Run *main* to its end in a new world and report; never raises for *main*.

    *tape* replays decisions (0 past its end); without it the seed draws them.
    Deadlock and LimitExceeded end up in `Result.error` like any other failure.
    KeyboardInterrupt and SystemExit pass. Raises SimulationError inside a running
    loop.
    """
    if asyncio._get_running_loop() is not None:
        raise SimulationError("run_world cannot be called from a running event loop")
    source = Tape(seed=seed) if tape is None else Tape(values=tape)
    world = World(seed, source, config or WorldConfig())
    began = _perf_counter()
    error: BaseException | None = None
    returned: T | None = None
    with virtual_process(mono_ns=world.mono_ns, wall_ns=world.now, seed=seed):
        asyncio.set_event_loop(world.loop)
        try:
            returned = world.loop.run_until_complete(_run(main, world))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            error = exc
        finally:
            left_open = len(world.network.connections)
            left_running = [
                task.get_name()
                for task in world.loop.unfinished_tasks()
                if task.get_name() != _MAIN
            ]
            ended_ns, steps = world.loop.now_ns, world.loop.steps
            _clean_up(world)
            asyncio.set_event_loop(None)
    return Result(
        seed=seed,
        error=error,
        trace=world.trace,
        trace_hash=world.trace.hash,
        tape=list(source.values),
        faults=source.faults(),
        errors=tuple(world.errors),
        left_open=left_open,
        left_running=tuple(left_running),
        virtual_ns=ended_ns,
        steps=steps,
        wall_s=_perf_counter() - began,
        returned=returned,
    )


async def _run(main: Callable[[World], Awaitable[T]], world: World) -> T:
    task = asyncio.current_task()
    assert task is not None
    task.set_name(_MAIN)
    return await main(world)


def _clean_up(world: World) -> None:
    """Cancel what is left, oldest first, and close the loop."""
    loop = world.loop
    loop.extend_limits()
    loop.revive()
    world.network.revive()
    try:
        for _ in range(_CLEANUP_TURNS):
            left = loop.unfinished_tasks()
            if not left and not world.network.connections:
                break
            for task in left:
                # Before its first step it could not await what it was given, and
                # Python would warn of that: let it start, its turn comes.
                if has_started(task):
                    task.cancel("the world ended")
            loop.run_until_complete(_settle(loop))
            # Not before: tasks may say goodbye first.
            world.network.abort_all()
        else:
            world.errors.append(f"ignored cancellation: {loop.describe_tasks()}")
        loop.run_until_complete(loop.shutdown_asyncgens())
        # Only what this world made is young: it was not collected meanwhile. Tasks
        # in reference cycles report their unseen exceptions now or too late.
        gc.collect(0)
    except SimulationError as exc:
        world.errors.append(f"while cleaning up: {exc}")
    finally:
        loop.close()


async def _settle(loop: VirtualTimeLoop) -> None:
    """Let cancelled tasks do what they do when cancelled, for a virtual minute."""
    await asyncio.sleep(0)
    current = asyncio.current_task()
    others = [task for task in loop.unfinished_tasks() if task is not current]
    if others:
        await asyncio.wait(others, timeout=60.0)
