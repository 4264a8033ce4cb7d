"""What can go wrong between a client and the venue, as plain state.

``Faults`` decides; ``connector.paper.server`` carries out. The simulator uses the
same object directly, ``connector.paper.control`` exposes it over HTTP. Nothing
here reads a clock: times are venue-independent milliseconds given by the caller.

Faults on calls (REST, and order entry over WebSocket) are rules that match
method and a part of the path (or of the text, on a socket) and wear out after
``times`` uses. Faults on frames select by socket kind and event type. States
(outage, restart, stall, skew) hold until a time or until cleared.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from connector.paper.faces import Frame, Reply, SocketKind

FOREVER_MS = 1 << 62


class CallAction(StrEnum):
    """What happens to a call that a rule matches."""

    LOSE_REQUEST = "lose_request"  # never reaches the machine; connection drops
    LOSE_REPLY = "lose_reply"  # accepted, then the connection drops
    ANSWER = "answer"  # a canned answer, the machine never sees the call
    ANSWER_AFTER = "answer_after"  # accepted, then a canned answer instead
    DELAY_REQUEST = "delay_request"  # reaches the machine late
    DELAY_REPLY = "delay_reply"  # accepted at once, answered late
    TRUNCATE = "truncate"  # accepted, the answer breaks off inside its body
    HANG = "hang"  # never reaches the machine, the connection stays open
    HANG_AFTER = "hang_after"  # accepted, the connection stays open, no answer


class FrameAction(StrEnum):
    """What happens to a frame that a rule matches."""

    DROP = "drop"
    DUPLICATE = "duplicate"
    REORDER = "reorder"  # changes places with the next frame of the socket
    DELAY = "delay"
    CORRUPT = "corrupt"  # the text breaks off in the middle, the frame is whole


@dataclass(slots=True, kw_only=True)
class CallRule:
    """One rule on calls; *path* is matched as a part, empty matches all."""

    action: CallAction
    method: str = ""
    path: str = ""
    times: int = 1
    delay_ms: int = 0
    body_bytes: int = 10
    answer: Reply | None = None

    def canned(self) -> Reply:
        """The canned answer; an empty 503 if none was given."""
        return Reply(status=503, body=b"") if self.answer is None else self.answer

    def matches(self, method: str, path: str) -> bool:
        """Whether this rule wants the call."""
        return (
            self.times > 0
            and (not self.method or self.method.upper() == method.upper())
            and self.path in path
        )


@dataclass(slots=True, kw_only=True)
class FrameRule:
    """One rule on frames; empty *event* or no *kind* matches all."""

    action: FrameAction
    kind: SocketKind | None = None
    event: str = ""
    times: int = 1
    until_ms: int = FOREVER_MS
    delay_ms: int = 0
    copies: int = 1

    def matches(self, kind: SocketKind, event: str, now_ms: int) -> bool:
        """Whether this rule wants the frame."""
        return (
            self.times > 0
            and now_ms < self.until_ms
            and (self.kind is None or self.kind is kind)
            and (not self.event or self.event == event)
        )


@dataclass(frozen=True, slots=True)
class Delivery:
    """A frame to be sent after *delay_ms* (0: now)."""

    frame: Frame
    delay_ms: int = 0


@dataclass(slots=True)
class Faults:
    """All faults in force on one server; empty means a healthy venue."""

    skew_ms: int = 0
    replies_first: bool = False  # answers leave before the events they cause
    down_until_ms: int = 0
    call_rules: list[CallRule] = field(default_factory=list)
    frame_rules: list[FrameRule] = field(default_factory=list)
    refused_until_ms: dict[SocketKind, int] = field(default_factory=dict)
    refusal: Reply | None = None  # None: handshakes are reset, not answered
    stalled_until_ms: dict[SocketKind, int] = field(default_factory=dict)
    _held: dict[int, Frame] = field(default_factory=dict)

    def clear(self, *, clock: bool = True) -> None:
        """Heal everything, the *clock* too if that is wanted; frames held back for
        reordering stay lost.
        """
        if clock:
            self.skew_ms = 0
        self.replies_first = False
        self.down_until_ms = 0
        self.call_rules.clear()
        self.frame_rules.clear()
        self.refused_until_ms.clear()
        self.refusal = None
        self.stalled_until_ms.clear()
        self._held.clear()

    def venue_ms(self, true_ms: int) -> int:
        """The venue's own clock at *true_ms*."""
        return true_ms + self.skew_ms

    def is_down(self, now_ms: int) -> bool:
        """Whether the whole venue refuses connections."""
        return now_ms < self.down_until_ms

    def refuses(self, kind: SocketKind, now_ms: int) -> bool:
        """Whether new sockets of *kind* are refused."""
        return now_ms < self.refused_until_ms.get(kind, 0)

    def stalls(self, kind: SocketKind, now_ms: int) -> bool:
        """Whether sockets of *kind* are half-open: nothing is sent on them."""
        return now_ms < self.stalled_until_ms.get(kind, 0)

    def take_call_rule(self, method: str, path: str) -> CallRule | None:
        """The rule that this call uses up, if any."""
        for rule in self.call_rules:
            if rule.matches(method, path):
                rule.times -= 1
                if rule.times == 0:
                    self.call_rules.remove(rule)
                return rule
        return None

    def deliveries(self, frame: Frame, kind: SocketKind, now_ms: int) -> list[Delivery]:
        """What is to be sent, in order, in place of *frame*."""
        rule = self._take_frame_rule(kind, frame.event, now_ms)
        held = self._held.pop(frame.socket_id, None)
        late = [] if held is None else [Delivery(held)]
        if rule is None:
            return [Delivery(frame), *late]
        match rule.action:
            case FrameAction.DROP:
                return late
            case FrameAction.DUPLICATE:
                return [Delivery(frame)] * (1 + rule.copies) + late
            case FrameAction.REORDER:
                self._held[frame.socket_id] = frame
                return late
            case FrameAction.DELAY:
                return [Delivery(frame, rule.delay_ms), *late]
            case FrameAction.CORRUPT:
                half = frame.text[: len(frame.text) // 2]
                return [Delivery(replace(frame, text=half)), *late]

    def _take_frame_rule(
        self, kind: SocketKind, event: str, now_ms: int
    ) -> FrameRule | None:
        self.frame_rules = [r for r in self.frame_rules if now_ms < r.until_ms]
        for rule in self.frame_rules:
            if rule.matches(kind, event, now_ms):
                rule.times -= 1
                if rule.times == 0:
                    self.frame_rules.remove(rule)
                return rule
        return None

    def forget_socket(self, socket_id: int) -> None:
        """Drop what was held back for a socket that is gone."""
        self._held.pop(socket_id, None)
