"""What happens to the machine. `SessionCore.feed(input, now)` takes one of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from connector.dialect.wire import HttpAnswer, Request
from connector.model.events import GapReason
from connector.model.ids import ClientOrderId, Symbol
from connector.model.order import OrderIntent


class LinkRole(StrEnum):
    """Which stream."""

    PRIVATE = "private"
    SECOND = "second"  # another private one, where the venue has two
    PUBLIC = "public"
    ORDERS = "orders"  # order entry


@dataclass(frozen=True, slots=True)
class Start:
    """Begin: learn the venue, sign in, subscribe, reconcile."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The time of `SessionCore.next_wake_ns` has come."""


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """The socket of connection *epoch* is open."""

    role: LinkRole
    epoch: int


@dataclass(frozen=True, slots=True)
class StreamFrame:
    """One frame, as bytes."""

    role: LinkRole
    epoch: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class StreamClosed:
    """The connection is gone, or never came up."""

    role: LinkRole
    epoch: int
    why: str
    reason: GapReason = GapReason.DISCONNECT


@dataclass(frozen=True, slots=True)
class PongReceived:
    """The peer answered a ping (*latency_ms*), or did not in time (None)."""

    role: LinkRole
    epoch: int
    latency_ms: float | None


@dataclass(frozen=True, slots=True)
class CallSigned:
    """Call *call_id* is signed and about to leave; *deadline_ms* is venue time.

    *frame_epoch*: as a frame of this connection of order entry; 0: by HTTP. Said
    again when HTTP takes over because nothing of the frame was sent.
    """

    call_id: int
    deadline_ms: int | None
    frame_epoch: int = 0


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """The answer to a call."""

    call_id: int
    answer: HttpAnswer


@dataclass(frozen=True, slots=True)
class CallFailed:
    """No answer. *maybe_sent* False only if no byte left this machine."""

    call_id: int
    maybe_sent: bool
    code: str
    why: str


@dataclass(frozen=True, slots=True)
class JournalWritten:
    """The records of *token* are durable."""

    token: int


@dataclass(frozen=True, slots=True)
class JournalFailed:
    """The records of *token* are not durable; *is_full*: no space."""

    token: int
    why: str
    is_full: bool


@dataclass(frozen=True, slots=True)
class Submit:
    """Place orders, one request; one ticket each."""

    tickets: tuple[int, ...]
    intents: tuple[OrderIntent, ...]


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel orders, one request per instrument; one ticket each."""

    tickets: tuple[int, ...]
    client_order_ids: tuple[ClientOrderId, ...]


@dataclass(frozen=True, slots=True)
class CancelAll:
    """Cancel every open order of an instrument."""

    ticket: int
    symbol: Symbol


@dataclass(frozen=True, slots=True)
class Amend:
    """Change total quantity and price of an open limit order."""

    ticket: int
    client_order_id: ClientOrderId
    qty: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Ask:
    """Make calls that are no orders: leverage, margin mode, history.

    *is_merged* False: the facts of the answers are for the asker alone.
    """

    ticket: int
    requests: Sequence[Request]
    is_merged: bool = True


@dataclass(frozen=True, slots=True)
class Resync:
    """Reconcile now."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Stop:
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
