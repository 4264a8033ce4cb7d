"""What the machine wants done. The shell does it and feeds back what happened."""

from __future__ import annotations

from dataclasses import dataclass

from connector.core.inputs import LinkRole
from connector.dialect.wire import Reply, Request, Send, Throttle
from connector.errors import ConnectorError
from connector.model.credentials import Secret
from connector.model.events import Event, ReconcileReport
from connector.model.limits import BucketSpec, Cost
from connector.model.order import Outcome


@dataclass(frozen=True, slots=True)
class OpenStream:
    """Open a socket; answer StreamOpened or StreamClosed."""

    role: LinkRole
    epoch: int
    url: Secret
    cost: Cost


@dataclass(frozen=True, slots=True)
class SendStream:
    """Send a frame."""

    role: LinkRole
    epoch: int
    step: Send


@dataclass(frozen=True, slots=True)
class PingStream:
    """Ping; answer PongReceived within *timeout_s*."""

    role: LinkRole
    epoch: int
    timeout_s: float


@dataclass(frozen=True, slots=True)
class CloseStream:
    """Close a socket; StreamClosed follows."""

    role: LinkRole
    epoch: int


@dataclass(frozen=True, slots=True)
class SendCall:
    """Take the limits, sign, say CallSigned, send; answer CallAnswered or
    CallFailed. Not sent at all after *give_up_mono_ns*.

    *frame_epoch*: send it as a frame of this connection of order entry if that is
    still open, its answer then comes as a frame; else, and if 0, by HTTP.
    *is_exposure*: `SessionCore.may_expose` must hold when the first byte leaves.
    *is_frame_only*: never by HTTP; not sent if order entry is gone.
    """

    call_id: int
    request: Request
    give_up_mono_ns: int
    frame_epoch: int = 0
    is_exposure: bool = False
    is_frame_only: bool = False


@dataclass(frozen=True, slots=True)
class EndCall:
    """A call that left as a frame has its answer, or will not get one."""

    call_id: int


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """One durable fact: the newest body per (kind, key) wins on replay."""

    kind: str
    key: str
    body: str


@dataclass(frozen=True, slots=True)
class AppendJournal:
    """Write; answer JournalWritten or JournalFailed when *token* > 0."""

    records: tuple[JournalRecord, ...]
    is_durable: bool
    token: int = 0


@dataclass(frozen=True, slots=True)
class Publish:
    """Tell the user."""

    event: Event


@dataclass(frozen=True, slots=True)
class Resolve:
    """A ticket has its answer."""

    ticket: int
    outcome: Outcome | tuple[Reply, ...] | ReconcileReport | ConnectorError


@dataclass(frozen=True, slots=True)
class ObserveLimits:
    """The venue's own counts, told in the answer to *call_id*."""

    call_id: int
    used: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class RefundCall:
    """The venue did not count this call."""

    call_id: int


@dataclass(frozen=True, slots=True)
class CloseGate:
    """The venue said stop."""

    throttle: Throttle


@dataclass(frozen=True, slots=True)
class SetLimits:
    """The limits in force."""

    specs: tuple[BucketSpec, ...]


@dataclass(frozen=True, slots=True)
class Fatal:
    """The session cannot go on: the key is refused, the environment is wrong."""

    error: ConnectorError


Effect = (
    OpenStream
    | SendStream
    | PingStream
    | CloseStream
    | SendCall
    | EndCall
    | AppendJournal
    | Publish
    | Resolve
    | ObserveLimits
    | RefundCall
    | CloseGate
    | SetLimits
    | Fatal
)
