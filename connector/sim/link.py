"""One in-memory TCP connection: two pipes, their latency and their faults.

A pipe carries segments in order: latency and jitter may delay a segment, never let
it overtake. Like a kernel pair it holds at most `WINDOW` bytes that the receiver
has not read; the rest waits in the sender's transport, which is what pauses its
protocol. Faults:

- *cut* at byte k: exactly k bytes of one direction arrive, then the connection is
  gone (a reset for both, or an orderly end for the receiver);
- *stall*: nothing passes any more and nobody is told: the half-open connection. A
  sender with unacknowledged bytes gives up after `GIVE_UP_NS`, as Linux does.
  *heal* delivers what was held, late: retransmission;
- *reset*: both ends get ECONNRESET now.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Protocol

from connector.sim.connecting import Address
from connector.sim.faults import Fate, FateKind
from connector.sim.loop import IsDead, VirtualTimeLoop
from connector.sim.trace import Trace

WINDOW = 256 * 1024
MAX_SEGMENT = 64 * 1024
GIVE_UP_NS = 924_600_000_000  # Linux, tcp_retries2 = 15


class Direction(StrEnum):
    """Which way bytes go; the client is the end that connected."""

    TO_SERVER = "to_server"
    TO_CLIENT = "to_client"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkProfile:
    """One-way delay: *latency_s* plus a uniform random part up to *jitter_s*.

    *return_latency_s* and *return_jitter_s* are for the way to the client, where it
    differs. Bandwidth is not limited: a write of any size arrives as a whole, as
    far as the receiver's window goes.
    """

    latency_s: float = 0.005
    jitter_s: float = 0.002
    return_latency_s: float | None = None
    return_jitter_s: float | None = None

    def delay_ns(self, direction: Direction, random: Random) -> int:
        """Draw the delay of one segment."""
        latency_s, jitter_s = self.latency_s, self.jitter_s
        if direction is Direction.TO_CLIENT:
            if self.return_latency_s is not None:
                latency_s = self.return_latency_s
            if self.return_jitter_s is not None:
                jitter_s = self.return_jitter_s
        return int(latency_s * 1e9) + random.randrange(int(jitter_s * 1e9) + 1)


class SegmentKind(StrEnum):
    """What travels: the handshake's last word, bytes, an orderly end, a reset."""

    OPEN = "open"
    DATA = "data"
    EOF = "eof"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Segment:
    """One unit of travel, due at *arrival_ns*."""

    kind: SegmentKind
    data: bytes = b""
    arrival_ns: int = 0


RESET = Segment(SegmentKind.RESET)
EOF = Segment(SegmentKind.EOF)


class End(Protocol):
    """One end of a connection, as its pipes need it."""

    context: contextvars.Context

    def arrive(self, segment: Segment) -> None:
        """A segment reached this end; called inside *context*."""

    @property
    def wants_room(self) -> bool:
        """Whether `pump` would have something to do."""

    def pump(self) -> None:
        """Room for more bytes; called inside *context*."""

    def is_closing(self) -> bool:
        """Nobody reads what still arrives, as `asyncio.Transport.is_closing`."""

    def give_up(self) -> None:
        """Bytes stayed unacknowledged for too long; called inside *context*."""

    def abort(self) -> None:
        """Close without flushing, as `asyncio.Transport.abort`."""

    def die(self) -> None:
        """The process of this end was killed."""

    def lose(self) -> None:
        """Tell the protocol that the connection is gone, unless it knows."""


class Hooks(Protocol):
    """What a pipe asks and tells its network."""

    loop: VirtualTimeLoop
    trace: Trace

    def latency_ns(self, connection: Connection, direction: Direction) -> int:
        """Delay of the next segment."""

    def fate(self, connection: Connection, direction: Direction, size: int) -> Fate:
        """What befalls a segment of *size* bytes, drawn from the tape."""

    def leaves(self, direction: Direction, connection: Connection, data: bytes) -> None:
        """Bytes are being sent."""

    def arrived(
        self, direction: Direction, connection: Connection, data: bytes
    ) -> None:
        """Bytes are being delivered."""


class Pipe:
    """One direction of a connection."""

    def __init__(
        self, connection: Connection, direction: Direction, source: End, target: End
    ) -> None:
        self.connection = connection
        self.direction = direction
        self.source = source
        self.target = target
        self.sent = 0
        self.delivered = 0
        self.unread = 0
        self.is_stalled = False
        self.is_dead = False
        self._is_sealed = False
        self._has_ended = False
        self._cut_at: int | None = None
        self._cut_kind = SegmentKind.RESET
        self._queue: deque[Segment] = deque()
        self._last_ns = 0
        self._timer: asyncio.TimerHandle | None = None
        self._hooks = connection.hooks
        self._loop = connection.hooks.loop

    def room(self) -> int:
        """How many bytes may be sent now."""
        return WINDOW - self.unread

    def consumed(self, size: int) -> None:
        """The receiving protocol took *size* bytes; the sender may go on."""
        self.unread -= size
        if self.source.wants_room:
            self._loop.call_soon(self.source.pump, context=self.source.context)

    def send(self, kind: SegmentKind, data: bytes = b"") -> None:
        """Put a segment on the way, after asking what shall befall it."""
        if kind is SegmentKind.DATA:
            self._hooks.leaves(self.direction, self.connection, data)
            if self._has_ended:  # a hook killed the sender
                return
        if self._is_sealed:
            return
        if self.is_dead:
            if kind is SegmentKind.DATA:
                self._tell(self.source, RESET)
            return
        self._has_ended = kind in (SegmentKind.EOF, SegmentKind.RESET)
        self.connection.note(kind.value, self.direction, data)
        delay_ns = self._hooks.latency_ns(self.connection, self.direction)
        pieces: tuple[bytes, ...] = (data,)
        if kind is SegmentKind.DATA:
            self.sent += len(data)
            self.unread += len(data)
            fate = self._hooks.fate(self.connection, self.direction, len(data))
            delay_ns += fate.delay_ns
            pieces = self._apply(fate, data)
        for piece in pieces:
            arrival_ns = max(self._last_ns, self._loop.now_ns + delay_ns)
            self._last_ns = arrival_ns
            self._queue.append(Segment(kind, piece, arrival_ns))
            delay_ns *= 2  # the second half of a split segment is a bit later
        self._arm()

    def cut(self, after_bytes: int, kind: SegmentKind = SegmentKind.RESET) -> None:
        """End the connection once *after_bytes* of this direction were delivered.

        Bytes already delivered count; a position in the past cuts at the next
        segment. *kind* EOF gives the receiver an orderly end and resets the sender.
        """
        self._cut_at = after_bytes
        self._cut_kind = kind
        if self.delivered and self.delivered >= after_bytes:
            self._cut_now()

    def stall(self) -> None:
        """Hold everything from now on, silently."""
        if self.is_stalled or self.is_dead:
            return
        self.is_stalled = True
        self.connection.note("stall", self.direction)
        self._disarm()
        self._arm()

    def heal(self) -> None:
        """Let held segments arrive, one latency from now, and later ones too."""
        if not self.is_stalled or self.is_dead:
            return
        self.is_stalled = False
        self.connection.note("heal", self.direction)
        self._disarm()
        delay_ns = self._hooks.latency_ns(self.connection, self.direction)
        earliest_ns = self._loop.now_ns + delay_ns
        self._queue = deque(
            Segment(held.kind, held.data, max(held.arrival_ns, earliest_ns))
            for held in self._queue
        )
        if self._queue:
            self._last_ns = self._queue[-1].arrival_ns
        self._arm()

    def kill(self) -> None:
        """Drop what is under way; nothing passes any more."""
        self.is_dead = True
        self._queue.clear()
        self._disarm()

    def rearm(self) -> None:
        """Set the timer anew, in the present context of its end."""
        self._disarm()
        self._arm()

    def _apply(self, fate: Fate, data: bytes) -> tuple[bytes, ...]:
        match fate.kind:
            case FateKind.SPLIT if 0 < fate.at < len(data):
                return data[: fate.at], data[fate.at :]
            case FateKind.CUT:
                self.cut(self.sent - len(data) + fate.at)
            case FateKind.END:
                self.cut(self.sent - len(data) + fate.at, SegmentKind.EOF)
            case FateKind.STALL:
                self.stall()
            case _:
                pass
        return (data,)

    def _arm(self) -> None:
        if self._timer is not None or not self._queue:
            return
        if self.is_stalled and self._is_sealed:
            return
        if self.is_stalled:
            when_ns, callback = self._loop.now_ns + GIVE_UP_NS, self._give_up
            context = self.source.context
        else:
            when_ns, callback = self._queue[0].arrival_ns, self._deliver
            context = self.target.context
        self._timer = self._loop.call_at_ns(when_ns, callback, context=context)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _deliver(self) -> None:
        self._timer = None
        # One nanosecond of grace for the rounding of float seconds.
        due_ns = self._loop.now_ns + 1
        while self._queue and self._queue[0].arrival_ns <= due_ns:
            if self.is_stalled:
                break
            self._hand_over(self._queue.popleft())
        self._arm()

    def _hand_over(self, segment: Segment) -> None:
        data = segment.data
        is_cut = (
            segment.kind is SegmentKind.DATA
            and self._cut_at is not None
            and self.delivered + len(data) >= self._cut_at
        )
        if is_cut and self._cut_at is not None:
            data = data[: max(0, self._cut_at - self.delivered)]
            segment = Segment(SegmentKind.DATA, data)
        if segment.kind is SegmentKind.DATA and data:
            self.delivered += len(data)
            self._hooks.arrived(self.direction, self.connection, data)
        if data or segment.kind is not SegmentKind.DATA:
            self.target.arrive(segment)
        if is_cut:
            self._cut_now()

    def _cut_now(self) -> None:
        self.connection.note("cut", self.direction)
        self.connection.kill()
        orderly = self._cut_kind is SegmentKind.EOF
        self._tell(self.target, EOF if orderly else RESET)
        self._tell(self.source, RESET)

    def _give_up(self) -> None:
        self._timer = None
        self.connection.note("give_up", self.direction)
        self.source.give_up()
        # Bytes are missing now: should the path heal, the peer gets no more of
        # this direction than a reset.
        self._is_sealed = True
        self._queue = deque([RESET])

    def _tell(self, end: End, segment: Segment) -> None:
        self._loop.call_soon(end.arrive, segment, context=end.context)


class Connection:
    """One connection: two pipes and the faults a test can cause.

    *id* counts connections of the network from 1; *host* is the name the client
    connected to, as far as the network knows one, else the address. *profile*
    overrides the delays of the network for this connection.
    """

    def __init__(
        self,
        hooks: Hooks,
        number: int,
        host: str,
        addresses: tuple[Address, Address],
        ends: tuple[End, End],
    ) -> None:
        client, server = ends
        self.hooks = hooks
        self.id = number
        self.host = host
        self.client_address, self.server_address = addresses
        self.opened_ns = hooks.loop.now_ns
        self.to_server = Pipe(self, Direction.TO_SERVER, client, server)
        self.to_client = Pipe(self, Direction.TO_CLIENT, server, client)
        self.profile: LinkProfile | None = None
        self.open_ends = 2
        self.on_closed: Callable[[Connection], None] | None = None

    def pipe(self, direction: Direction) -> Pipe:
        """The pipe of *direction*."""
        return self.to_server if direction is Direction.TO_SERVER else self.to_client

    @property
    def is_open(self) -> bool:
        """True while at least one end has not closed."""
        return self.open_ends > 0

    def cut(
        self, direction: Direction, after_bytes: int, *, orderly: bool = False
    ) -> None:
        """End the connection when *after_bytes* have arrived in *direction*."""
        kind = SegmentKind.EOF if orderly else SegmentKind.RESET
        self.pipe(direction).cut(after_bytes, kind)

    def stall(self, direction: Direction | None = None) -> None:
        """Half-open from now on: one direction, or both."""
        for pipe in self._pipes(direction):
            pipe.stall()

    def heal(self, direction: Direction | None = None) -> None:
        """Undo `stall`; what was held arrives late."""
        for pipe in self._pipes(direction):
            pipe.heal()

    def reset(self) -> None:
        """Both ends get ECONNRESET now; bytes under way are lost."""
        if self.to_server.is_dead and self.to_client.is_dead:
            return
        self.note("reset", "")
        self.kill()
        for pipe in self._pipes(None):
            loop = self.hooks.loop
            loop.call_soon(pipe.target.arrive, RESET, context=pipe.target.context)

    def kill(self) -> None:
        """Nothing passes any more; nobody is told."""
        for pipe in self._pipes(None):
            pipe.kill()

    def abort(self) -> None:
        """Both ends abort, as if both programs had."""
        self.to_server.source.abort()
        self.to_client.source.abort()

    def end_closed(self) -> None:
        """One end is gone; tells the network once both are."""
        self.open_ends -= 1
        if self.open_ends == 0 and self.on_closed is not None:
            self.on_closed(self)

    def note(self, kind: str, direction: str, data: bytes = b"") -> None:
        """Write a line into the trace of the world."""
        trace = self.hooks.trace
        if data:
            trace.add_bytes(kind, data, connection=self.id, direction=direction)
        else:
            trace.add(kind, connection=self.id, direction=direction)

    def kill_ends(self, is_dead: IsDead) -> list[End]:
        """Close the ends whose party was killed and return them, still untold."""
        ends = (self.to_server.source, self.to_client.source)
        dead = [end for end in ends if is_dead(end.context)]
        for end in dead:
            end.die()
        if dead:
            for pipe in self._pipes(None):
                pipe.rearm()
        return dead

    def _pipes(self, direction: Direction | None) -> list[Pipe]:
        if direction is None:
            return [self.to_server, self.to_client]
        return [self.pipe(direction)]


def connection_reset() -> ConnectionResetError:
    """The error a kernel reports for a reset."""
    return ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
