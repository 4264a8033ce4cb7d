"""When faults befall a world, drawn from its tape one by one.

Every pause asks the tape whether something happens (0: nothing), whether it waits
for a phase of the session (0: it does not), and then for its arguments, so that a
failing world shrinks to the faults that matter.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from connector.paper.control import BadArgument
from connector.sim.faultkinds import FaultKinds, Stage
from connector.sim.phases import PHASES, Phase

_AWAITED = tuple(phase for phase in PHASES if phase is not Phase.CLOSE)
_BEFORE_LIVE = (Phase.CONNECT, Phase.SIGN_IN, Phase.SNAPSHOT, Phase.DRAIN)
_SELDOM = frozenset(("ban", "by_hand", "call", "forced", "strange", "stream_key"))
_AWAIT_S = 6.0
_LOOK_S = 0.02
_CHANCE_WHILE_CLOSING = 0.4


class FaultPlan:
    """Draws and causes the faults of one world."""

    def __init__(
        self,
        stage: Stage,
        *,
        chance: float,
        kinds: frozenset[str] | None = None,
        script: tuple[tuple[float, str], ...] = (),
        is_aimed: bool = False,
    ) -> None:
        """Any of *kinds* (None: all) may happen at any time; *script* says which
        happen when, in seconds of the world. *is_aimed*: only those that seldom meet
        a phase, and the phase they wait for is brought about."""
        self._stage = stage
        self._is_aimed = is_aimed
        kinds = _SELDOM if is_aimed else kinds
        self._chance = chance
        self._script = sorted(script)
        kinds_of = FaultKinds(stage)
        self.answers = kinds_of.answers
        self._all = dict(kinds_of.table)
        self._kinds = [
            (name, cause)
            for name, cause in self._all.items()
            if kinds is None or name in kinds
        ]
        self._turn = asyncio.Event()
        self.counts: Counter[str] = Counter()
        self.matrix: Counter[tuple[str, str]] = Counter()
        self.log: list[str] = []

    async def run(self, seconds: float) -> None:
        """Cause faults for a while."""
        loop = asyncio.get_running_loop()
        tape = self._stage.world.tape
        end_s = loop.time() + seconds
        for at_s, name in self._script:
            loop.call_at(at_s, self._cause, name, self._all[name])
        while loop.time() < end_s:
            drawn = tape.draw("fault", len(self._kinds) + 1, self._chance)
            if drawn:
                phase = tape.draw("phase", len(_AWAITED) + 1, 0.5)
                if phase:
                    await self._await_phase(_AWAITED[phase - 1])
                self._cause(*self._kinds[drawn - 1])
            pause = tape.draw("pause", 8)
            await asyncio.sleep(0.25 + 0.25 * pause)

    def while_closing(self) -> None:
        """Perhaps one more, now that the session is being closed."""
        tape = self._stage.world.tape
        chance = _CHANCE_WHILE_CLOSING if self._chance else 0.0
        drawn = tape.draw("fault", len(self._kinds) + 1, chance)
        if drawn:
            self._cause(*self._kinds[drawn - 1])

    def phase_changed(self) -> None:
        """The session may be in another phase: look."""
        self._turn.set()

    async def _await_phase(self, wanted: Phase) -> None:
        """Wait for a phase, for a while."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + _AWAIT_S
        if self._is_aimed and wanted in _BEFORE_LIVE:
            self._cause("hang_up", self._all["hang_up"])
        while self._stage.phase() is not wanted and loop.time() < end_s:
            self._turn.clear()
            look = loop.call_later(_LOOK_S, self._turn.set)
            await self._turn.wait()
            look.cancel()

    def _cause(self, name: str, cause: Callable[[], str | None]) -> None:
        phase = self._stage.phase()
        try:
            what = cause()
        except BadArgument:
            return  # nothing to do it to
        if what is None:
            return
        self.counts[name] += 1
        self.matrix[name, phase.value] += 1
        now_s = self._stage.world.mono_ns() / 1e9
        self.log.append(f"{now_s:.3f} s: {name} ({phase.value}): {what}")
        self._stage.world.note("fault", f"{name}: {what}")
