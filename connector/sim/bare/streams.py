"""Streams of a bare world: dialed, told, stalled, broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.core.effects import CloseStream, OpenStream, PingStream, SendStream
from connector.core.inputs import (
    Input,
    LinkRole,
    PongReceived,
    StreamClosed,
    StreamFrame,
    StreamOpened,
)
from connector.dialect.facts import ControlFact, ControlKind, Fact, UnknownFact
from connector.sim.bare.dialect import Told
from connector.sim.bare.network import FrameFate, S, Socket, frame_fate

if TYPE_CHECKING:
    from connector.sim.bare.rig import BareWorld

_GARBAGE: tuple[Fact, ...] = (UnknownFact(kind="garbled", raw="?", is_gap=True),)


class BareStreams:
    """Every socket of the process, with what is on its way."""

    def __init__(self, world: BareWorld) -> None:
        self._world = world
        self._sockets: dict[tuple[LinkRole, int], Socket] = {}

    def all(self) -> list[Socket]:
        """Those that are dialed or open."""
        return list(self._sockets.values())

    def forget(self) -> None:
        """The process died."""
        self._sockets.clear()

    def _soon(self, happened: Input, trips: int = 1) -> None:
        world = self._world
        wait_ns = sum(world.latency.draw() for _ in range(trips))
        world.calendar.after(wait_ns, world.post_to, world.life, happened)

    # --- what the machine wants ---

    def dial(self, effect: OpenStream) -> None:
        """Open a socket, unless the venue is down."""
        world, role, epoch = self._world, effect.role, effect.epoch
        if world.calendar.now_ns < world.down_until_ns:
            self._soon(StreamClosed(role, epoch, "refused"))
            return
        self._sockets[role, epoch] = Socket(role, epoch)
        wait_ns = world.latency.draw() + world.latency.draw()
        world.calendar.after(wait_ns, self._opened, world.life, role, epoch)

    def _opened(self, life: int, role: LinkRole, epoch: int) -> None:
        socket = self._sockets.get((role, epoch))
        if life == self._world.life and socket is not None and not socket.is_stalled:
            self._world.post(StreamOpened(role, epoch))

    def say(self, effect: SendStream) -> None:
        """A frame to the venue, which acknowledges it."""
        world = self._world
        socket = self._sockets.get((effect.role, effect.epoch))
        if socket is not None and not socket.is_stalled:
            wait_ns = world.latency.draw()
            world.calendar.after(wait_ns, self._heard, socket, effect.step.text)

    def _heard(self, socket: Socket, text: str) -> None:
        if text == "subscribe":
            socket.is_subscribed = True
        self._frame(socket, (ControlFact(kind=ControlKind.ACK, ref=text),))

    def ping(self, effect: PingStream) -> None:
        """Answered, or not in time."""
        role, epoch = effect.role, effect.epoch
        socket = self._sockets.get((role, epoch))
        if socket is not None and not socket.is_stalled:
            self._soon(PongReceived(role, epoch, 1.0), trips=2)
            return
        world = self._world
        silence = PongReceived(role, epoch, None)
        wait_ns = int(effect.timeout_s * S)
        world.calendar.after(wait_ns, world.post_to, world.life, silence)

    def close(self, effect: CloseStream) -> None:
        """Close a socket."""
        key = (effect.role, effect.epoch)
        if self._sockets.pop(key, None) is not None:
            self._soon(StreamClosed(*key, "closed"))

    # --- what the venue says ---

    def tell(self, facts: tuple[Fact, ...]) -> None:
        """To every private stream that is subscribed."""
        for socket in self.all():
            if socket.is_subscribed:
                self._push(socket, facts)

    def control(self, socket: Socket, kind: ControlKind) -> None:
        """About the connection."""
        self._frame(socket, (ControlFact(kind=kind),))

    def garble(self) -> None:
        """A frame that nobody can read, to all who are subscribed."""
        for socket in self.all():
            if socket.is_subscribed:
                self._frame(socket, _GARBAGE)

    def _push(self, socket: Socket, facts: tuple[Fact, ...]) -> None:
        world = self._world
        fate = frame_fate(world.tape, is_chaos=world.is_chaos)
        if fate is FrameFate.NONE:
            self._frame(socket, facts)
            return
        world.plan.caused(f"frame.{fate.value}", type(facts[0]).__name__)
        match fate:
            case FrameFate.LOST:
                pass
            case FrameFate.TWICE:
                self._frame(socket, facts)
                self._frame(socket, facts)
            case FrameFate.GARBLED:
                self._frame(socket, _GARBAGE)
            case _:
                late_ns = (world.tape.draw("late", 40) + 1) * S // 10
                world.calendar.after(late_ns, self._frame, socket, facts)

    def _frame(self, socket: Socket, facts: tuple[Fact, ...]) -> None:
        """In order, behind what is under way."""
        if socket.is_stalled:
            return
        world = self._world
        at_ns = world.calendar.now_ns + world.latency.draw()
        at_ns += max(0, world.latency.lead_ns)
        socket.last_ns = at_ns = max(at_ns, socket.last_ns)
        world.calendar.at(at_ns, self._deliver, world.life, socket, facts)

    def _deliver(self, life: int, socket: Socket, facts: tuple[Fact, ...]) -> None:
        key = (socket.role, socket.epoch)
        is_up = self._sockets.get(key) is socket and not socket.is_stalled
        if life == self._world.life and is_up:
            self._world.post(StreamFrame(*key, Told.of(facts)))

    def lose(self, socket: Socket, why: str) -> None:
        """The connection breaks."""
        self._sockets.pop((socket.role, socket.epoch), None)
        self._soon(StreamClosed(socket.role, socket.epoch, why))
