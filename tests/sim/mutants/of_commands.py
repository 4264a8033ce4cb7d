"""Broken variants of how commands are sent, doubted and ended."""

from __future__ import annotations

from typing import Any

import pytest

from connector.core import outcomes
from connector.core.command import Command, CommandKind
from connector.core.commands import Commands
from connector.core.effects import AppendJournal
from connector.core.inputs import CallFailed, JournalWritten
from connector.core.machine import SessionCore
from connector.core.outbox import NO_ANSWER, Outbox
from connector.core.outcomes import Outcomes
from connector.core.restore import replay
from connector.dialect.wire import Reply, Verdict
from connector.model.ids import ClientOrderId
from connector.model.noun import replace
from connector.model.order import Accepted, OrderStatus
from connector.session.journaling import JournalWriter

Patch = pytest.MonkeyPatch


def unknown_is_rejected(patch: Patch) -> None:
    """A command of which nobody knows is called refused."""

    def doubt(self: Outcomes, command: Command, why: str, now: Any) -> None:
        self._refuse(command, Reply(verdict=Verdict.UNKNOWN, code="GUESS", text=why))

    patch.setattr(Outcomes, "doubt", doubt)


def _refuse_unknown(patch: Patch, *, is_answer: bool) -> None:
    on_reply = Outcomes.on_reply

    def hasty(self: Outcomes, command: Command, reply: Reply, now: Any) -> None:
        is_unknown = reply.verdict is Verdict.UNKNOWN
        if is_unknown and (reply.code != NO_ANSWER) is is_answer:
            reply = replace(reply, verdict=Verdict.REJECTED)
        on_reply(self, command, reply, now)

    patch.setattr(Outcomes, "on_reply", hasty)


def server_error_is_rejected(patch: Patch) -> None:
    """A 5xx, a 408 or a page of HTML is a refusal."""
    _refuse_unknown(patch, is_answer=True)


def timeout_is_rejected(patch: Patch) -> None:
    """No answer is a refusal."""
    _refuse_unknown(patch, is_answer=False)


def timeout_is_not_sent(patch: Patch) -> None:
    """No answer means that nothing left."""
    failed = Outbox.on_failed

    def on_failed(self: Outbox, happened: CallFailed, now: Any) -> None:
        failed(self, CallFailed(happened.call_id, False, "NOT_SENT", "guess"), now)

    patch.setattr(Outbox, "on_failed", on_failed)


def forget_the_doubtful(patch: Patch) -> None:
    """An order in doubt is forgotten."""
    doubt = Outcomes.doubt

    def drop(self: Outcomes, command: Command, why: str, now: Any) -> None:
        doubt(self, command, why, now)
        if command.kind is CommandKind.PLACE and self.is_running(command):
            self._tell_doubt(command, now)
            self._running.pop(command.tracked.client_order_id)
            self._orders.discard(command.tracked)

    patch.setattr(Outcomes, "doubt", drop)


def never_prove(patch: Patch) -> None:
    """Doubt is never left by proof."""
    patch.setattr(outcomes, "count_proof", lambda *_: False)


def resend_under_a_new_id(patch: Patch) -> None:
    """An order in doubt is sent again with another client id."""
    doubt = Outcomes.doubt

    def again(self: Outcomes, command: Command, why: str, now: Any) -> None:
        is_first = command.doubt_ns is None and command.intent is not None
        doubt(self, command, why, now)
        if not is_first or command.kind is not CommandKind.PLACE:
            return
        assert command.intent is not None
        name = ClientOrderId(command.tracked.client_order_id + "r")
        twin = Command(
            CommandKind.PLACE,
            0,
            self._orders.add_own(command.intent, name, now.wall_ns),
            intent=command.intent,
            instrument=command.instrument,
        )
        self._ports.save_order(twin.tracked)
        self.start(twin)
        self._resend(twin, now)

    patch.setattr(Outcomes, "doubt", again)


def a_cancel_is_believed(patch: Patch) -> None:
    """A cancel without an answer has worked."""
    doubt = Outcomes.doubt

    def believe(self: Outcomes, command: Command, why: str, now: Any) -> None:
        if command.kind is CommandKind.CANCEL:
            self._orders.end(command.tracked, OrderStatus.CANCELED, why)
            order = self._settled(command)
            self._finish(command, Accepted(order=order), "event")
            return
        doubt(self, command, why, now)

    patch.setattr(Outcomes, "doubt", believe)


def an_amend_is_believed(patch: Patch) -> None:
    """An amend without an answer has worked."""
    doubt = Outcomes.doubt

    def believe(self: Outcomes, command: Command, why: str, now: Any) -> None:
        if command.kind is CommandKind.AMEND:
            command.tracked.price = command.terms.price
            order = self._settled(command)
            self._finish(command, Accepted(order=order), "event")
            return
        doubt(self, command, why, now)

    patch.setattr(Outcomes, "doubt", believe)


def any_end_is_a_cancel(patch: Patch) -> None:
    """A cancel of an order that was filled meanwhile is told as accepted."""
    judged = outcomes.judge

    def judge(command: Command) -> Any:
        outcome = judged(command)
        if outcome is not None and command.kind is CommandKind.CANCEL:
            return Accepted(order=outcome.order)
        return outcome

    patch.setattr(outcomes, "judge", judge)


def amends_that_end_are_accepted(patch: Patch) -> None:
    """A good answer to an amend means new terms, whatever it tells."""
    patch.setattr(outcomes, "ended_instead", lambda command, reply: False)


def wait_for_ever(patch: Patch) -> None:
    """Whoever waits is not told of a doubt."""
    made = Outcomes.__init__

    def patient(self: Outcomes, *args: Any, **options: Any) -> None:
        made(self, *args, **options)
        self._patient_ns = 1 << 62

    patch.setattr(Outcomes, "__init__", patient)
    patch.setattr("connector.sim.judgement.COMMAND_BOUND_S", 35.0)  # below a proof


def an_answer_is_lost(patch: Patch) -> None:
    """Who waits for an accepted amend is never told."""
    finish = Outcomes._finish

    def keep(self: Outcomes, command: Command, outcome: Any, by: str) -> None:
        if command.kind is CommandKind.AMEND and isinstance(outcome, Accepted):
            command.ticket = 0
        finish(self, command, outcome, by)

    patch.setattr(Outcomes, "_finish", keep)


def send_before_the_journal(patch: Patch) -> None:
    """Say durable before anything was written."""
    put = JournalWriter.put

    def hasty(self: JournalWriter, effect: AppendJournal) -> None:
        put(self, AppendJournal(effect.records, is_durable=effect.is_durable))
        if effect.token:
            self._post(JournalWritten(effect.token))

    patch.setattr(JournalWriter, "put", hasty)


def intents_are_not_synced(patch: Patch) -> None:
    """The intent is written, but not down to the disk."""
    journal = Commands._journal

    def _journal(self: Commands, *args: Any, **options: Any) -> None:
        emit = self._outbox.emit

        def weak(effect: Any) -> None:
            if isinstance(effect, AppendJournal):
                effect = replace(effect, is_durable=False)
            emit(effect)

        self._outbox.emit = weak
        try:
            journal(self, *args, **options)
        finally:
            self._outbox.emit = emit

    patch.setattr(Commands, "_journal", _journal)


def forget_intents_at_start(patch: Patch) -> None:
    """Nobody asks after a restart what became of an intent."""
    patch.setattr(Commands, "resume", lambda self, tracked, now: None)


def reuse_client_ids(patch: Patch) -> None:
    """Begin every run with the same client ids."""
    patch.setattr("connector.session.opening._run_name", lambda *_: "again")

    def forgetful(core: SessionCore, records: Any, now: Any) -> None:
        kept = [row for row in records if row.kind not in ("intent", "order")]
        replay(core, kept, now)

    patch.setattr("connector.core.restore.replay", forgetful)


def expose_while_stale(patch: Patch) -> None:
    """Send whatever was asked for, live or not."""
    patch.setattr(SessionCore, "may_expose", property(lambda self: True))
