"""Laws that hold once a world was healed and has settled; see `laws` for the list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random

from connector.core.effects import JournalRecord
from connector.core.machine import SessionCore
from connector.core.outbox import RATE_LIMITED
from connector.dialect import Endpoints
from connector.model.clock import NS_PER_MS, Now
from connector.model.order import Accepted, Outcome, Rejected
from connector.paper.ledger import LedgerError
from connector.paper.words import OrderStatus
from connector.runtime.journal_memory import MemoryDisk
from connector.session import Session
from connector.sim.hearing import ACCOUNT
from connector.sim.laws import (
    COMMAND_BOUND_S,
    LONGEST_WINDOW_S,
    PLACING_BOUND_S,
    CommandRecord,
    Witness,
)
from connector.sim.world import EPOCH_NS
from connector.venues.registry import dialect_for

_PLACING = ("quote", "take", "reduce", "batch", "conditional")
_ENDED = (OrderStatus.CANCELED,)
_STREAMS_MAX = 4  # of two roles, each with one that comes and one that goes
_VENUE_CLOCK_MS = 6_000
_NOWHERE = Endpoints(rest="", stream="", public="")


def judge(witness: Witness) -> None:
    """Note everything that is not as it must be."""
    witness.read_fills()
    _judge_fills(witness)
    _judge_orders(witness)
    _judge_commands(witness)
    _judge_reports(witness)
    _judge_journal(witness)
    count = len(witness.private_connections())
    if count > _STREAMS_MAX:
        witness.broken("bounded", f"{count} private streams are open")
    witness.watch_limits()
    try:
        witness.engine.audit()
    except LedgerError as error:
        witness.broken("books", str(error))


def replays(core: SessionCore, disk: MemoryDisk, venue: str) -> Iterator[str]:
    """Where the state that the journal alone gives differs from that of *core*,
    whose session was closed."""
    fresh = SessionCore(
        dialect_for(venue),
        _NOWHERE,
        core.config,
        id_prefix="replay",
        rng=Random(0),  # noqa: S311 - jitter only
    )
    rows = sorted(disk.rows.values(), key=lambda row: row.seq)
    records = [JournalRecord(row.kind, row.key, row.body) for row in rows]
    fresh.restore(records, Now(0, max((row.wall_ns for row in rows), default=0)))
    if fresh.state_hash() == core.state_hash():
        return
    here = {t.client_order_id: t.record().digest_text() for t in core.orders.all()}
    there = {t.client_order_id: t.record().digest_text() for t in fresh.orders.all()}
    for name in sorted(here.keys() | there.keys()):
        if here.get(name) != there.get(name):
            yield f"order {name}: {here.get(name)}, from the journal {there.get(name)}"
    for key in sorted(core.orders.fill_keys ^ fresh.orders.fill_keys):
        yield f"fill {'/'.join(key)} is known on one side only"
    sums = [c.account.sums.record().digest_text() for c in (core, fresh)]
    if sums[0] != sums[1]:
        yield f"sums {sums[0]}, from the journal {sums[1]}"
    times = [c.account.sums.base_times().digest_text() for c in (core, fresh)]
    if times[0] != times[1]:
        yield f"times of bases {times[0]}, from the journal {times[1]}"
    entries = [set(c.account.ledger_ids.names()) for c in (core, fresh)]
    for entry in sorted(entries[0] ^ entries[1]):
        yield f"ledger entry {entry} is known on one side only"


def _judge_fills(witness: Witness) -> None:
    for text in sorted(witness.untold_fills()):
        witness.broken("once", text)
    for key in sorted(witness.journaled_fills() - witness.fills.keys()):
        witness.broken("once", f"fill {key} in the journal is invented")


def _judge_orders(witness: Witness) -> None:
    counts: Counter[str] = Counter()
    for order in witness.engine.orders(ACCOUNT, limit=1 << 30):
        if order.client_order_id in witness.sent_ids and not order.conditional_id:
            counts[order.client_order_id] += 1
    for name, count in counts.items():
        if count > 1:
            witness.broken("one-order", f"{count} orders of client id {name}")
    if witness.knows_commands:
        _judge_sent(witness)
    session = witness.life.session
    for command in witness.commands:
        for outcome in command.outcomes:
            _judge_outcome(witness, command, outcome, counts, session)


def _judge_outcome(
    witness: Witness,
    command: CommandRecord,
    outcome: Outcome,
    counts: Counter[str],
    session: Session | None,
) -> None:
    name = outcome.order.client_order_id
    if command.kind not in _PLACING:
        if isinstance(outcome, Accepted):
            _judge_change(witness, command, outcome)
        return
    known = None if session is None else session.order(name)
    exists = counts[name] > 0 or _has_conditional(witness, name)
    if isinstance(outcome, Rejected) and exists:
        is_adopted = known is not None and known.venue_order_id is not None
        is_late = _is_accepted_after(witness, name, command.ended_s)
        if not (outcome.by_proof and is_adopted and is_late):
            witness.broken("no-guess", f"{name} ended Rejected but was accepted")
    if isinstance(outcome, Accepted) and not exists:
        witness.broken("no-guess", f"{name} ended Accepted but never existed")


def _is_accepted_after(witness: Witness, name: str, at_s: float | None) -> bool:
    """The venue took the order only then, by its clock, which may be wrong a bit."""
    at_ms = EPOCH_NS // NS_PER_MS + (at_s or 0.0) * 1000
    return all(
        order.created_ms + _VENUE_CLOCK_MS > at_ms
        for order in witness.engine.orders(ACCOUNT, limit=1 << 30)
        if order.client_order_id == name
    )


def _judge_change(witness: Witness, command: CommandRecord, outcome: Accepted) -> None:
    """A cancel or an amend that ended Accepted happened."""
    shown = outcome.order
    if shown.order_type.is_conditional:
        return  # its numbers are its own
    for order in witness.engine.orders(ACCOUNT, limit=1 << 30):
        if witness.book.order_id(order.symbol, order.order_id) != shown.venue_order_id:
            continue
        if command.kind.startswith("cancel") and order.status not in _ENDED:
            text = f"{shown.client_order_id} is {order.status.value}"
            witness.broken("no-guess", f"a cancel ended Accepted, but {text}")
        wanted = command.wanted_price
        changes = witness.engine.amendments(
            ACCOUNT, order.symbol, order_id=order.order_id
        )
        prices = {order.price, *(c.price_before for c in changes)}
        if wanted is not None and wanted not in prices:
            text = f"{shown.client_order_id} never had the price {wanted}"
            witness.broken("no-guess", f"an amend ended Accepted, but {text}")


def _judge_sent(witness: Witness) -> None:
    """What left was asked for, as far as a life lasted and told its outcomes."""
    for life in witness.lives:
        placing = [
            command
            for command in witness.commands
            if command.life is life and command.kind in _PLACING
        ]
        if life.is_over or any(c.error or c.ended_s is None for c in placing):
            continue
        told = {o.order.client_order_id for c in placing for o in c.outcomes}
        for name in sorted(life.sent - told):
            witness.broken("one-order", f"order {name} left and nobody asked for it")


def _has_conditional(witness: Witness, name: str) -> bool:
    found = witness.engine.conditionals(ACCOUNT, limit=1 << 30)
    return any(item.client_order_id == name for item in found)


def _judge_commands(witness: Witness) -> None:
    for command in witness.commands:
        if command.life.is_over and command.life is not witness.life:
            continue
        ended_s = command.ended_s if command.ended_s is not None else witness.now_s
        took_s = ended_s - command.begun_s
        if command.ended_s is None or took_s > _bound_s(witness, command):
            witness.broken("bounded", f"{command.kind} took {took_s:.1f} s")
        if command.error.startswith("!"):
            witness.broken("alive", f"{command.kind} raised {command.error[1:]}")
    if not witness.was_stopped:
        _judge_cancels(witness)


def _bound_s(witness: Witness, command: CommandRecord) -> float:
    """Placing waits for the limiter a few seconds only."""
    is_slow = witness.is_tight or witness.was_stopped
    if is_slow or command.kind not in _PLACING:
        return COMMAND_BOUND_S
    return PLACING_BOUND_S


def _judge_cancels(witness: Witness) -> None:
    """A cancel fails for the limits only if many others got through before it."""
    cancels = [c for c in witness.commands if c.kind.startswith("cancel")]
    limited = [c for c in cancels if _limited(c)]
    for command in limited:
        assert command.ended_s is not None
        passed = sum(
            1
            for other in cancels
            if other not in limited
            and other.life is command.life
            and command.ended_s - 2 * LONGEST_WINDOW_S < other.begun_s < command.ended_s
        )
        if passed < witness.book.cancels_kept:
            witness.broken("starved", f"{command.kind}: {_limited(command)}")


def _limited(command: CommandRecord) -> str:
    for outcome in command.outcomes:
        if isinstance(outcome, Rejected) and outcome.code == RATE_LIMITED:
            return outcome.text
    return ""


def _judge_reports(witness: Witness) -> None:
    for life in witness.lives:
        for event in life.reports:
            for item in event.report.differences_left:
                if not witness.had_lag:
                    witness.broken("tie-out", f"{item.subject}: {item.difference}")
    life = witness.life
    if life.owes_report:
        witness.broken("report", "LIVE without a report of the gap before")
    for key in sorted(life.recovered):
        witness.broken("report", f"fill {key} was recovered and is in no report")


def _judge_journal(witness: Witness) -> None:
    rows = (*witness.disk.rows.items(), *witness.disk.history.items())
    for (kind, key), row in rows:
        if any(secret in row.body for secret in witness.secrets):
            witness.broken("secret", f"in the journal: {kind} {key}")
