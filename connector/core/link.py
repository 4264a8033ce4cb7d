"""The life of a stream: connect, sign in, subscribe, live, rotate, again.

Theory. A link owns at most two connections: *current*, whose facts count, and
*next*, which a planned rotation brings up before the current one is closed. Each
connection follows a script of its dialect and has an epoch, a number that only
rises; whatever arrives for another epoch is ignored.

    idle -> connecting -> (script) -> ready -> lost -> waiting -> connecting ...

A connection is lost when the socket closes, a ping stays unanswered, the script
fails or its time is up. Losing *current* without a ready *next* is a gap. The
link retries for ever with jitter, quickly for ten seconds, then slower; at once if the
lost connection had lived for a while.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from connector.config import SessionConfig
from connector.core.effects import CloseStream, OpenStream, PingStream, SendStream
from connector.core.inputs import LinkRole, PongReceived, StreamClosed, StreamOpened
from connector.core.outbox import Outbox
from connector.dialect import LinkScript
from connector.dialect.facts import ControlFact, ControlKind
from connector.dialect.wire import (
    Call,
    Fail,
    Open,
    Ready,
    Reply,
    Request,
    ScriptFailure,
    Send,
    Step,
)
from connector.model.clock import NS_PER_S, Now
from connector.model.events import GapReason, LinkState

_QUICK_TRIES = 24
"""Retries at the steady pace (about ten seconds) before backing off."""

_LIVED_NS = 5 * NS_PER_S
"""A connection that was ready this long is followed by the next at once; a venue that
drops us sooner would be hammered."""

_ROTATION_OVERLAP_S = 2.0
"""Both connections deliver this long before the old one is closed."""


@dataclass(slots=True)
class Connection:
    """One attempt and, if it succeeds, its life."""

    epoch: int
    script: LinkScript
    begun_ns: int
    is_dialed: bool = False
    is_open: bool = False
    is_ready: bool = False
    ready_ns: int = 0
    next_ping_ns: int | None = None
    is_pinging: bool = False
    last_frame_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEvents:
    """Whom a link tells. *on_ready* fires for the first connection after a gap;
    a rotation is not a gap and tells nobody."""

    on_state: Callable[[LinkState, str, Now], None]
    on_ready: Callable[[Now], None]
    on_lost: Callable[[GapReason, str, Now], None]
    on_key_refused: Callable[[str], None]
    on_alarm: Callable[[str, str], None]


class Link:
    """One stream that is kept alive for as long as it is wanted."""

    def __init__(
        self,
        role: LinkRole,
        make_script: Callable[[], LinkScript],
        outbox: Outbox,
        config: SessionConfig,
        *,
        ping_interval_s: float,
        rotate_after_s: float,
        rng: random.Random,
        events: LinkEvents,
    ) -> None:
        self.role = role
        self._make_script = make_script
        self._outbox = outbox
        self._config = config
        self._ping_interval_ns = int(ping_interval_s * NS_PER_S) or None
        rotate_after_s = min(rotate_after_s, config.rotate_after_s)
        self._rotate_after_ns = int(rotate_after_s * NS_PER_S)
        self._rng = rng
        self._events = events
        self._epoch = 0
        self._current: Connection | None = None
        self._next: Connection | None = None
        self._retiring: tuple[Connection, int] | None = None
        self._wanted = False
        self._tries = 0
        self._retry_ns: int | None = None
        self._is_held = False
        self._rotate_ns: int | None = None
        self._down_since_ns: int | None = None
        self._alarmed = False
        self.reconnects = 0
        self.rotations = 0
        self.ping_ms: float | None = None

    # --- reading ---

    @property
    def is_ready(self) -> bool:
        """Subscribed, as far as the wire tells."""
        return self._current is not None and self._current.is_ready

    @property
    def epoch(self) -> int:
        """Epoch of the current connection, 0 if there is none."""
        return self._current.epoch if self._current else 0

    @property
    def is_rotating(self) -> bool:
        """A new connection comes up beside the current one, or replaced it just now."""
        return self._next is not None or self._retiring is not None

    @property
    def last_frame_ns(self) -> int:
        """Monotonic time of the newest frame of the current connection."""
        return self._current.last_frame_ns if self._current else 0

    @property
    def next_wake_ns(self) -> int | None:
        """When `tick` has something to do."""
        elsewhere = (self._next, self._retiring, self._retry_ns, self._down_since_ns)
        if elsewhere == (None, None, None, None):
            conn = self._current
            if conn is not None and conn.is_ready:
                return self._next_wake_of(conn)  # nearly always
        times = [None if self._is_held else self._retry_ns, self._rotate_ns]
        for conn in self._connections():
            times.append(conn.script.next_tick_ns if conn.is_open else None)
            if conn.is_ready:
                times.append(None if conn.is_pinging else conn.next_ping_ns)
            else:
                times.append(self._logon_deadline_ns(conn))
        if self._retiring is not None:
            times.append(self._retiring[1])
        if self._down_since_ns is not None and not self._alarmed:
            times.append(self._alarm_ns(self._down_since_ns))
        return min((t for t in times if t is not None), default=None)

    def _next_wake_of(self, conn: Connection) -> int | None:
        """The same while one connection is up and nothing else is going on."""
        due = self._rotate_ns
        tick_ns = conn.script.next_tick_ns if conn.is_open else None
        if tick_ns is not None and (due is None or tick_ns < due):
            due = tick_ns
        ping_ns = None if conn.is_pinging else conn.next_ping_ns
        if ping_ns is not None and (due is None or ping_ns < due):
            due = ping_ns
        return due

    # --- commands ---

    def start(self, now: Now) -> None:
        """Want this stream up, if it is not wanted already."""
        if self._wanted:
            return
        self._wanted = True
        self._down_since_ns = now.mono_ns
        self._connect(now)

    def stop(self) -> None:
        """Close and do not come back."""
        self._wanted = False
        self._retry_ns = self._rotate_ns = self._down_since_ns = None
        for conn in self._connections():
            self._close(conn)
        if self._retiring is not None:
            self._close(self._retiring[0])
        self._current = self._next = self._retiring = None

    def hold(self) -> None:
        """Make no new attempt until `release`; what is up stays up."""
        self._is_held = True

    def release(self, now: Now) -> None:
        """The venue can be reached: whoever waits for another attempt makes it."""
        self._is_held = False
        if self._retry_ns is not None:
            self._retry_ns = now.mono_ns

    def rotate(self, now: Now) -> None:
        """Bring up a new connection beside the current one, then switch."""
        self._rotate_ns = None
        if self._next is not None or self._current is None:
            return
        if not self._current.is_ready:
            return  # it is new anyway, and its becoming ready must be told
        self._begin(now)

    def reset(self, reason: GapReason, why: str, now: Now) -> None:
        """The current connection cannot be trusted: drop it and start over."""
        if self._current is not None:
            self._lose(self._current, reason, why, now)

    # --- what happens ---

    def on_opened(self, opened: StreamOpened, now: Now) -> None:
        """The socket is up: sign in."""
        conn = self._find(opened.epoch)
        if conn is None:
            self._outbox.emit(CloseStream(self.role, opened.epoch))
            return
        conn.is_open = True
        conn.last_frame_ns = now.mono_ns
        if conn is self._current:
            self._events.on_state(LinkState.LOGGING_ON, "", now)
        self._run(conn, conn.script.on_open(now.mono_ns), now)

    def on_closed(self, closed: StreamClosed, now: Now) -> None:
        """The socket is gone."""
        conn = self._find(closed.epoch)
        if conn is not None:
            conn.is_open = conn.is_dialed = False
            self._lose(conn, closed.reason, closed.why, now)

    def accepts(self, epoch: int, now: Now) -> bool:
        """A frame arrived: whether its connection counts."""
        conn = self._current
        if conn is None or conn.epoch != epoch:
            conn = self._find(epoch)
        if conn is None:
            retiring = self._retiring
            return retiring is not None and retiring[0].epoch == epoch
        conn.last_frame_ns = now.mono_ns
        return True

    def on_control(self, epoch: int, fact: ControlFact, now: Now) -> None:
        """A frame about the connection."""
        conn = self._find(epoch)
        if conn is None:
            return
        if fact.kind is ControlKind.RESTART_NOTICE:
            if conn is self._current:
                self.rotate(now)
            return
        self._run(conn, conn.script.on_control(fact, now.mono_ns), now)

    def on_pong(self, pong: PongReceived, now: Now) -> None:
        """Alive, or stalled."""
        conn = self._find(pong.epoch)
        if conn is None:
            return
        conn.is_pinging = False
        self._plan_ping(conn, now)
        if pong.latency_ms is None:
            why = f"no pong within {self._config.ping_timeout_s:g} s"
            self._lose(conn, GapReason.STALL, why, now)
        elif conn is self._current:
            self.ping_ms = pong.latency_ms

    def tick(self, now: Now) -> None:
        """Do what is due."""
        due = now.mono_ns
        if self._retiring is not None and self._retiring[1] <= due:
            self._close(self._retiring[0])
            self._retiring = None
        retry_ns = None if self._is_held else self._retry_ns
        if retry_ns is not None and retry_ns <= due:
            self._retry_ns = None
            self._connect(now)
        if self._rotate_ns is not None and self._rotate_ns <= due:
            self.rotate(now)
        self._maybe_alarm(due)
        for conn in self._connections():
            if self._find(conn.epoch) is not conn:
                continue  # lost meanwhile
            if not conn.is_ready:
                if self._logon_deadline_ns(conn) <= due:
                    why = f"not signed in within {self._config.logon_timeout_s:g} s"
                    self._lose(conn, GapReason.DISCONNECT, why, now)
                    continue
            elif (
                not conn.is_pinging
                and conn.next_ping_ns is not None
                and conn.next_ping_ns <= due
            ):
                conn.is_pinging = True
                self._outbox.emit(
                    PingStream(self.role, conn.epoch, self._config.ping_timeout_s)
                )
            tick_ns = conn.script.next_tick_ns
            if conn.is_open and tick_ns is not None and tick_ns <= due:
                self._run(conn, conn.script.on_tick(due), now)

    # --- how ---

    def _connections(self) -> list[Connection]:
        return [c for c in (self._current, self._next) if c is not None]

    def _find(self, epoch: int) -> Connection | None:
        for conn in self._connections():
            if conn.epoch == epoch:
                return conn
        return None

    def _logon_deadline_ns(self, conn: Connection) -> int:
        return conn.begun_ns + int(self._config.logon_timeout_s * NS_PER_S)

    def _alarm_ns(self, since_ns: int) -> int:
        return since_ns + int(self._config.link_alarm_s * NS_PER_S)

    def _maybe_alarm(self, due: int) -> None:
        since = self._down_since_ns
        if since is None or self._alarmed or self._alarm_ns(since) > due:
            return
        self._alarmed = True
        self._events.on_alarm(
            "link.down",
            f"the {self.role.value} stream is down since "
            f"{(due - since) / 1e9:.0f} s; reconnecting goes on",
        )

    def _connect(self, now: Now) -> None:
        self._events.on_state(LinkState.CONNECTING, "", now)
        self._begin(now)

    def _begin(self, now: Now) -> None:
        self._epoch += 1
        conn = Connection(self._epoch, self._make_script(), now.mono_ns)
        # The script may answer at once, so the connection must be findable.
        if self._current is None:
            self._current = conn
        else:
            self._next = conn
        self._run(conn, conn.script.start(now.mono_ns), now)

    def _run(self, conn: Connection, steps: tuple[Step, ...], now: Now) -> None:
        for step in steps:
            match step:
                case Call(request=request):
                    self._call(conn, request, now)
                case Open(url=url, cost=cost):
                    conn.is_dialed = True
                    self._outbox.emit(OpenStream(self.role, conn.epoch, url, cost))
                case Send():
                    if conn is self._current and not conn.is_ready:
                        self._events.on_state(LinkState.SUBSCRIBING, "", now)
                    self._outbox.emit(SendStream(self.role, conn.epoch, step))
                case Ready():
                    self._ready(conn, now)
                case Fail(failure=failure, why=why):
                    self._failed(conn, failure, why, now)
                    return

    def _call(self, conn: Connection, request: Request, now: Now) -> None:
        def on_reply(reply: Reply, later: Now) -> None:
            if self._find(conn.epoch) is conn:
                steps = conn.script.on_reply(request, reply, later.mono_ns)
                self._run(conn, steps, later)

        self._outbox.call(request, on_reply, now, wait_s=self._config.logon_timeout_s)

    def _ready(self, conn: Connection, now: Now) -> None:
        if conn.is_ready:
            return
        conn.is_ready = True
        conn.ready_ns = now.mono_ns
        self._plan_ping(conn, now)
        jitter = self._rng.uniform(0.9, 1.0)
        self._rotate_ns = now.mono_ns + int(self._rotate_after_ns * jitter)
        if conn is self._next:
            old = self._current
            self._current, self._next = conn, None
            self._tries = 0
            self.rotations += 1
            if old is not None:
                overlap = int(_ROTATION_OVERLAP_S * NS_PER_S)
                self._retire(old, now.mono_ns + overlap)
            return
        self._down_since_ns = None
        self._alarmed = False
        self._events.on_ready(now)

    def _plan_ping(self, conn: Connection, now: Now) -> None:
        if self._ping_interval_ns is not None:
            conn.next_ping_ns = now.mono_ns + self._ping_interval_ns

    def _retire(self, conn: Connection, until_ns: int) -> None:
        if self._retiring is not None:
            self._close(self._retiring[0])
        self._retiring = (conn, until_ns)

    def _failed(
        self, conn: Connection, failure: ScriptFailure, why: str, now: Now
    ) -> None:
        if failure is ScriptFailure.KEY_REFUSED:
            self._events.on_key_refused(why)
            return
        reason = GapReason.DISCONNECT
        if failure is ScriptFailure.NEW_KEY:
            reason = GapReason.KEY_EXPIRED
        elif failure is ScriptFailure.STALLED:
            reason = GapReason.STALL
        self._lose(conn, reason, why, now)

    def _lose(self, conn: Connection, reason: GapReason, why: str, now: Now) -> None:
        self._close(conn)
        if conn is self._next:
            # The current one still works: try the rotation again soon.
            self._next = None
            self._rotate_ns = now.mono_ns + self._backoff_ns()
            return
        has_lived = conn.is_ready and now.mono_ns - conn.ready_ns >= _LIVED_NS
        if has_lived:
            self._tries = 0
        self._current = None
        if self._next is not None:
            self._close(self._next)
            self._next = None
        self._rotate_ns = None
        if not self._wanted:
            return
        if self._down_since_ns is None:
            self._down_since_ns = now.mono_ns
            self.reconnects += 1  # outages, however many attempts one takes
        self._retry_ns = now.mono_ns + (0 if has_lived else self._backoff_ns())
        self._events.on_lost(reason, why, now)

    def _backoff_ns(self) -> int:
        config = self._config
        self._tries += 1
        if self._tries <= _QUICK_TRIES:
            most = min(
                config.reconnect_steady_s,
                config.reconnect_first_s * 2 ** (self._tries - 1),
            )
        else:
            slower = min(self._tries - _QUICK_TRIES, 16)
            most = min(config.reconnect_cap_s, config.reconnect_steady_s * 2**slower)
        return int(self._rng.uniform(0.5, 1.0) * most * NS_PER_S)

    def _close(self, conn: Connection) -> None:
        if conn.is_dialed:
            conn.is_open = conn.is_dialed = False
            self._outbox.emit(CloseStream(self.role, conn.epoch))
