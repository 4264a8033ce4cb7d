"""What befalls a bare world besides its calls and frames, beat by beat.

Each beat asks the tape for one of `KINDS` (0: nothing); the arguments follow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from connector.dialect.facts import ControlKind
from connector.model.account import LedgerKind
from connector.model.clock import NS_PER_MS
from connector.model.order import Side
from connector.sim.bare.network import WRITE_NS, S, Socket
from connector.sim.bare.venue import SYMBOLS

if TYPE_CHECKING:
    from connector.sim.bare.rig import BareWorld

_BEAT_NS = S // 2
_CLEAR_NS = 10 * S
_TRADE_CHANCE = 0.6
KINDS = (
    "by_hand",
    "cancel_by_hand",
    "money",
    "rotate",
    "slow_disk",
    "clock",
    "cut",
    "stall",
    "key",
    "lag",
    "liquidate",
    "unbooked",
    "silent",
    "down",
    "full_disk",
    "kill",
    "power",
)


class BarePlan:
    """Draws and causes faults; the market trades on the same beat."""

    def __init__(self, world: BareWorld) -> None:
        self._world = world
        self.counts: Counter[str] = Counter()
        self.matrix: Counter[tuple[str, str]] = Counter()
        self.log: list[str] = []
        self._astray_ns = -_CLEAR_NS
        self._causes: dict[str, Callable[[], str | None]] = {
            name: getattr(self, f"_{name}") for name in KINDS
        }

    def beat(self) -> None:
        """Perhaps a trade, perhaps a fault."""
        world = self._world
        if not world.is_chaos:
            return
        world.calendar.after(_BEAT_NS, self.beat)
        self._trade()
        tape, chance = world.tape, world.conditions.fault_chance
        drawn = tape.draw("fault", len(KINDS) + 1, chance)
        if drawn:
            name = KINDS[drawn - 1]
            what = self._causes[name]()
            if what is not None:
                self.caused(name, what)

    def caused(self, kind: str, what: str) -> None:
        """Something befell the world."""
        world = self._world
        state = world.core.state
        self.counts[kind] += 1
        if kind.startswith("frame."):
            self._astray_ns = world.calendar.now_ns
        self.matrix[kind, state.value] += 1
        self.log.append(f"{world.now_s():.3f} s: {kind} ({state.value}): {what}")
        world.witness.is_calm = False
        world.note(f"fault {kind}: {what}")

    def is_clear(self) -> bool:
        """Neither frames nor reads were led astray of late."""
        now_ns = self._world.calendar.now_ns
        return not self._world.lag_ns and now_ns - self._astray_ns > _CLEAR_NS

    def _trade(self) -> None:
        world = self._world
        random = world.random
        if not world.venue.open or random.random() > _TRADE_CHANCE:
            return
        order = random.choice(list(world.venue.open.values()))
        assert order.qty is not None
        left = order.qty - (order.filled_qty or Decimal(0))
        part = left if left <= 1 or random.random() < 0.5 else Decimal(1)
        world.venue.trade(order, part, world.venue_ns())

    # --- faults ---

    def _socket(self) -> Socket | None:
        found = self._world.streams.all()
        if not found:
            return None
        return found[self._world.tape.draw("socket", len(found))]

    def _later(self, label: str, most_s: int, undo: Callable[[], None]) -> int:
        hold_s = self._world.tape.draw(label, most_s) + 1
        self._world.calendar.after(hold_s * S, undo)
        return hold_s

    def _by_hand(self) -> str:
        world = self._world
        symbol = SYMBOLS[world.tape.draw("symbol", len(SYMBOLS))]
        side = Side.SELL if world.tape.draw("side", 2) else Side.BUY
        world.venue.by_hand(symbol, side, Decimal(2), world.venue_ns())
        return f"{side.value} {symbol}"

    def _cancel_by_hand(self) -> str | None:
        world = self._world
        found = list(world.venue.open.values())
        if not found:
            return None
        order = found[world.tape.draw("order", len(found))]
        world.venue.cancel_by_hand(order, world.venue_ns())
        return f"{order.client_order_id}"

    def _money(self) -> str:
        world = self._world
        kinds = (LedgerKind.FUNDING, LedgerKind.TRANSFER)
        kind = kinds[world.tape.draw("money", 2)]
        amount = Decimal(world.tape.draw("amount", 7) * 10 - 25)
        world.venue.book(kind, amount, world.venue_ns())
        return f"{kind.value} {amount}"

    def _liquidate(self) -> str | None:
        world = self._world
        held = [s for s in SYMBOLS if world.venue.held(s)]
        if not held:
            return None
        world.venue.liquidate(held[0], world.venue_ns())
        return str(held[0])

    def _rotate(self) -> str | None:
        socket = self._socket()
        if socket is None:
            return None
        self._world.streams.control(socket, ControlKind.RESTART_NOTICE)
        return f"{socket.role.value} {socket.epoch}"

    def _key(self) -> str | None:
        socket = self._socket()
        if socket is None:
            return None
        self._world.streams.control(socket, ControlKind.KEY_EXPIRED)
        return f"{socket.role.value} {socket.epoch}"

    def _cut(self) -> str | None:
        socket = self._socket()
        if socket is None:
            return None
        self._world.streams.lose(socket, "reset")
        return f"{socket.role.value} {socket.epoch}"

    def _stall(self) -> str | None:
        socket = self._socket()
        if socket is None:
            return None
        socket.is_stalled = True
        return f"{socket.role.value} {socket.epoch}"

    def _slow_disk(self) -> str:
        world = self._world
        world.write_ns = (world.tape.draw("write", 20) + 1) * S // 10

        def undo() -> None:
            world.write_ns = WRITE_NS

        return f"for {self._later('hold', 10, undo)} s"

    def _full_disk(self) -> str:
        world = self._world
        world.disk.is_full = True

        def undo() -> None:
            world.disk.is_full = False

        return f"for {self._later('hold', 10, undo)} s"

    def _lag(self) -> str:
        world = self._world
        world.lag_ns = (world.tape.draw("lag", 40) + 1) * S

        def undo() -> None:
            world.lag_ns = 0
            self._astray_ns = world.calendar.now_ns

        return f"{world.lag_ns // S} s for {self._later('hold', 20, undo)} s"

    def _clock(self) -> str:
        step_ms = (self._world.tape.draw("step", 41) - 20) * 250
        self._world.skew_ns += step_ms * NS_PER_MS
        return f"{step_ms} ms"

    def _down(self) -> str:
        world = self._world
        hold_s = world.tape.draw("hold", 10) + 1
        world.down_until_ns = world.calendar.now_ns + hold_s * S
        for socket in world.streams.all():
            world.streams.lose(socket, "the venue is down")
        return f"for {hold_s} s"

    def _unbooked(self) -> str | None:
        """The wallet moves and no entry says why; what was so before the sums began
        to count is no difference."""
        if not self._world.disk.is_durable("meta", "synced_ms"):
            return None
        amount = Decimal(self._world.tape.draw("amount", 7) * 10 - 25)
        self._world.venue.slip(amount, self._world.venue_ns())
        return str(amount)

    def _silent(self) -> str:
        """No call gets through, and the streams stay; one may tell what nobody can
        read, so that there is something to ask."""
        world = self._world
        if world.tape.draw("garble", 2):
            world.streams.garble()
        hold_s = world.tape.draw("hold", 20) + 1
        world.silent_until_ns = world.calendar.now_ns + hold_s * S
        return f"for {hold_s} s"

    def _kill(self) -> str:
        inputs = self._world.tape.draw("inputs", 60) + 1
        self._world.kill_in = (inputs, False)
        return f"in {inputs} inputs"

    def _power(self) -> str:
        inputs = self._world.tape.draw("inputs", 60) + 1
        self._world.kill_in = (inputs, True)
        return f"in {inputs} inputs"
