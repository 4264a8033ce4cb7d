"""One command, the ports of their owner, and what an order's state proves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from connector.core.rules import amend_exposes
from connector.core.tracked import Tracked
from connector.dialect import Dialect
from connector.dialect.facts import Fact, OrderFact
from connector.dialect.wire import Reply, Request
from connector.model.clock import ClockOffset, Now
from connector.model.ids import Symbol
from connector.model.instrument import Instrument
from connector.model.noun import replace
from connector.model.order import (
    Accepted,
    InDoubt,
    OrderIntent,
    OrderStatus,
    Outcome,
    Rejected,
    Terms,
)

TOO_LATE = "TOO_LATE"


class CommandKind(StrEnum):
    """What is asked of an order."""

    PLACE = "place"
    CANCEL = "cancel"
    AMEND = "amend"


@dataclass(slots=True, eq=False)
class Command:
    """One command on one order until its outcome is known."""

    kind: CommandKind
    ticket: int
    tracked: Tracked
    intent: OrderIntent | None = None
    instrument: Instrument | None = None
    terms: Terms | None = None
    request: Request | None = None  # of a place
    tries: int = 0
    deadline_ms: int | None = None
    doubt_ns: int | None = None
    doubt_why: str = ""
    next_ns: int | None = None  # next query, or next try while not sent
    searches: int = 0
    is_searching: bool = False
    is_received: bool = False  # told so by the venue, which decides later
    proofs: int = 0
    last_proof_ms: int = 0
    signed_ns: int = 0  # monotonic time of the last signature


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandPorts:
    """What commands need from the rest of the machine."""

    clock: Callable[[], ClockOffset]
    apply: Callable[[Sequence[Fact], Now], None]  # facts of an answer
    publish_order: Callable[[Tracked], None]
    save_order: Callable[[Tracked], None]
    on_accepted: Callable[[Tracked, Now], None]
    instrument: Callable[[Symbol], Instrument | None]
    is_frame_only: Callable[[], bool]  # exposure goes over order entry or not at all


def build_request(dialect: Dialect, command: Command) -> Request:
    """What is sent for *command*, unsigned."""
    tracked = command.tracked
    if command.kind is CommandKind.CANCEL:
        return dialect.cancel(tracked.snapshot(), command.instrument)
    assert command.instrument is not None
    if command.kind is CommandKind.PLACE:
        assert command.request is not None, "made when the intent was checked"
        return command.request
    assert command.terms is not None
    return dialect.amend(tracked.snapshot(), command.instrument, command.terms)


def build_batch(dialect: Dialect, commands: Sequence[Command]) -> Request:
    """One request for several commands of one kind, unsigned."""
    if commands[0].kind is CommandKind.CANCEL:
        return dialect.cancel_batch(
            [c.tracked.snapshot() for c in commands], commands[0].instrument
        )
    items = []
    for command in commands:
        assert command.intent is not None
        assert command.instrument is not None
        items.append(
            (command.intent, command.tracked.client_order_id, command.instrument)
        )
    return dialect.place_batch(items)


def exposes(command: Command, others: Sequence[Command]) -> bool:
    """It may add exposure: not sent while the state is not trusted.

    *others* run on the same order: an amend of them may have made it smaller.
    """
    if command.kind is CommandKind.PLACE:
        return command.intent is not None and not command.intent.reduces
    if command.kind is not CommandKind.AMEND:
        return False
    order = command.tracked.snapshot()
    assert command.terms is not None
    sizes = [c.terms.qty for c in others if c.terms is not None] + [order.qty]
    return amend_exposes(
        replace(order, qty=min((s for s in sizes if s is not None), default=None)),
        command.terms.qty,
    )


def doubt_of(command: Command, now: Now) -> InDoubt:
    """What the user is told of a command in doubt."""
    assert command.doubt_ns is not None
    since_ns = now.wall_ns - (now.mono_ns - command.doubt_ns)
    return InDoubt(
        order=command.tracked.snapshot(), since_ns=since_ns, why=command.doubt_why
    )


def judge(command: Command) -> Outcome | None:
    """The outcome that the order's state is evidence of; None if it is none.

    Any word of the venue about an order proves that placing it was accepted; a
    cancel or amend is proven by the state it asked for, or by an end that came
    first.
    """
    tracked = command.tracked
    if not tracked.is_known_to_venue and not tracked.is_terminal:
        return None
    order = tracked.snapshot()
    if command.kind is CommandKind.PLACE:
        # A conditional order is refused once more, when it triggers: it was accepted.
        was_accepted = tracked.is_conditional and tracked.is_known_to_venue
        if tracked.status is OrderStatus.REJECTED and not was_accepted:
            return Rejected(order=order, code="REJECTED", text=tracked.reason)
        return Accepted(order=order)
    is_amended = command.terms is not None and order.terms == command.terms
    is_canceled = (
        command.kind is CommandKind.CANCEL and tracked.status is OrderStatus.CANCELED
    )
    if is_amended or is_canceled:
        return Accepted(order=order)
    return too_late(command) if has_ended(tracked) else None


def has_ended(tracked: Tracked) -> bool:
    """Final, and not by a guess: an order filled by the sum of its fills may have
    been made larger by an amend under way."""
    is_guess = tracked.is_end_inferred and tracked.status is OrderStatus.FILLED
    return tracked.is_terminal and not is_guess


def too_late(command: Command, *, was_sent: bool = True) -> Rejected:
    """The outcome of a cancel or amend of an order that had ended."""
    order = command.tracked.snapshot()
    text = f"the order had already ended as {order.status.value}"
    return Rejected(order=order, code=TOO_LATE, text=text, was_sent=was_sent)


def ended_instead(command: Command, reply: Reply) -> bool:
    """A good answer to an amend tells of an order that ended with other terms: it was
    not changed, the attempt ended it."""
    terms = command.terms
    return terms is not None and any(
        isinstance(fact, OrderFact)
        and fact.status.is_terminal
        and (fact.price not in (None, terms.price) or fact.qty not in (None, terms.qty))
        for fact in reply.facts
    )
