"""What happens to the machine. `SessionCore.feed(input, now)` takes one of these."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from connector.dialect.wire import HttpAnswer, Request
from connector.model.events import GapReason
from connector.model.ids import ClientOrderId, Symbol
from connector.model.instrument import InstrumentKind
from connector.model.noun import Noun
from connector.model.order import OrderIntent, Terms


class LinkRole(StrEnum):
    """Which stream."""

    PRIVATE = "private"
    SECOND = "second"  # another private one, where the venue has two
    PUBLIC = "public"
    ORDERS = "orders"  # order entry


class Start(Noun, frozen=True):
    """Begin: learn the venue, sign in, subscribe, reconcile."""


class Tick(Noun, frozen=True):
    """The time of `SessionCore.next_wake_ns` has come."""


class StreamOpened(Noun, frozen=True):
    """The socket of connection *epoch* is open."""

    role: LinkRole
    epoch: int


class StreamFrame(Noun, frozen=True):
    """One frame, as bytes."""

    role: LinkRole
    epoch: int
    raw: bytes


class StreamClosed(Noun, frozen=True):
    """The connection is gone, or never came up."""

    role: LinkRole
    epoch: int
    why: str
    reason: GapReason = GapReason.DISCONNECT


class PongReceived(Noun, frozen=True):
    """The peer answered a ping (*latency_ms*), or did not in time (None)."""

    role: LinkRole
    epoch: int
    latency_ms: float | None


class CallSigned(Noun, frozen=True):
    """Call *call_id* is signed and about to leave; *deadline_ms* is venue time.

    *frame_epoch*: as a frame of this connection of order entry; 0: by HTTP. Said
    again when HTTP takes over because nothing of the frame was sent.
    """

    call_id: int
    deadline_ms: int | None
    frame_epoch: int = 0


class CallAnswered(Noun, frozen=True):
    """The answer to a call."""

    call_id: int
    answer: HttpAnswer


class CallFailed(Noun, frozen=True):
    """No answer. *maybe_sent* False only if no byte left this machine."""

    call_id: int
    maybe_sent: bool
    code: str
    why: str


class JournalWritten(Noun, frozen=True):
    """The records of *token* are durable."""

    token: int


class JournalFailed(Noun, frozen=True):
    """The records of *token* are not durable; *is_full*: no space."""

    token: int
    why: str
    is_full: bool


class Submit(Noun, frozen=True):
    """Place orders, one request; one ticket each."""

    tickets: tuple[int, ...]
    intents: tuple[OrderIntent, ...]


class Cancel(Noun, frozen=True):
    """Cancel orders, one request per instrument; one ticket each."""

    tickets: tuple[int, ...]
    client_order_ids: tuple[ClientOrderId, ...]


class CancelAll(Noun, frozen=True):
    """Cancel every open order of an instrument; without one, of the account, or of
    its instruments of *kind*."""

    ticket: int
    symbol: Symbol | None
    kind: InstrumentKind | None = None


class Amend(Noun, frozen=True):
    """Change the terms of an open order; they are complete."""

    ticket: int
    client_order_id: ClientOrderId
    terms: Terms


class Ask(Noun, frozen=True):
    """Make calls that are no orders: leverage, margin mode, history.

    *is_merged* False: the facts of the answers are for the asker alone.
    """

    ticket: int
    requests: Sequence[Request]
    is_merged: bool = True


class Resync(Noun, frozen=True):
    """Reconcile now."""

    ticket: int


class Stop(Noun, frozen=True):
    """Close the streams and make the last records durable."""


Input = (
    Start
    | Tick
    | StreamOpened
    | StreamFrame
    | StreamClosed
    | PongReceived
    | CallSigned
    | CallAnswered
    | CallFailed
    | JournalWritten
    | JournalFailed
    | Submit
    | Cancel
    | CancelAll
    | Amend
    | Ask
    | Resync
    | Stop
)
