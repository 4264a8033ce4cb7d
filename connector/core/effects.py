"""What the machine wants done. The shell does it and feeds back what happened.

An `Event` among the effects is told to the user.
"""

from __future__ import annotations

from connector.core.inputs import LinkRole
from connector.core.tracked import Tracked
from connector.dialect.wire import Reply, Request, Send, Throttle
from connector.errors import ConnectorError
from connector.model.credentials import Secret
from connector.model.events import Event, ReconcileReport
from connector.model.limits import BucketSpec, Cost
from connector.model.noun import Noun, to_text
from connector.model.order import Outcome


class OpenStream(Noun, frozen=True):
    """Open a socket; answer StreamOpened or StreamClosed."""

    role: LinkRole
    epoch: int
    url: Secret
    cost: Cost


class SendStream(Noun, frozen=True):
    """Send a frame."""

    role: LinkRole
    epoch: int
    step: Send


class PingStream(Noun, frozen=True):
    """Ping; answer PongReceived within *timeout_s*."""

    role: LinkRole
    epoch: int
    timeout_s: float


class CloseStream(Noun, frozen=True):
    """Close a socket; StreamClosed follows."""

    role: LinkRole
    epoch: int


class SendCall(Noun, frozen=True):
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


class EndCall(Noun, frozen=True):
    """A call that left as a frame has its answer, or will not get one."""

    call_id: int


class JournalRecord(Noun, frozen=True, gc=False):
    """One durable fact: the newest body per (kind, key) wins on replay."""

    kind: str
    key: str
    value: str | Noun

    @property
    def body(self) -> str:
        """As it is written."""
        value = self.value
        if isinstance(value, str):
            return value
        return to_text(value.record() if type(value) is Tracked else value)


class AppendJournal(Noun, frozen=True):
    """Write; answer JournalWritten or JournalFailed when *token* > 0. *retired*: kinds
    and keys that a replay does not want any more; they are kept as history."""

    records: tuple[JournalRecord, ...]
    is_durable: bool
    token: int = 0
    retired: tuple[tuple[str, str], ...] = ()


class Resolve(Noun, frozen=True):
    """A ticket has its answer."""

    ticket: int
    outcome: Outcome | tuple[Reply, ...] | ReconcileReport | ConnectorError


class ObserveLimits(Noun, frozen=True):
    """The venue's own counts, told in the answer to *call_id*."""

    call_id: int
    used: tuple[tuple[str, int], ...]


class RefundCall(Noun, frozen=True):
    """The venue did not count this call."""

    call_id: int


class DropToken(Noun, frozen=True):
    """The venue refused the access token: fetch another before the next call."""


class CloseGate(Noun, frozen=True):
    """The venue said stop."""

    throttle: Throttle


class SetLimits(Noun, frozen=True):
    """The limits in force."""

    specs: tuple[BucketSpec, ...]


class Fatal(Noun, frozen=True):
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
    | Event
    | Resolve
    | ObserveLimits
    | RefundCall
    | CloseGate
    | DropToken
    | SetLimits
    | Fatal
)
