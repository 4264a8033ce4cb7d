"""Broken variants of the session around the machine: limits, journal, events, logs."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from connector.core.machine import SessionCore
from connector.core.outbox import Outbox
from connector.dialect.wire import Throttle
from connector.model.events import Alarm, Event
from connector.model.limits import Cost, Priority
from connector.runtime.http import HttpChannel
from connector.session import opening
from connector.session.budget import Budget
from connector.session.events import EventStream
from connector.session.gate import Permit
from connector.session.journaling import JournalWriter
from connector.session.shell import Shell
from connector.venues.signing import make_signer

Patch = pytest.MonkeyPatch


def ignore_retry_after(patch: Patch) -> None:
    """The venue said stop, and for how long: go on."""
    patch.setattr(Budget, "close", lambda self, throttle, clock, now: None)


def ignore_the_limits(patch: Patch) -> None:
    """Send at once, whatever it costs."""
    acquire = Budget.acquire

    async def free(
        self: Budget,
        cost: Cost,
        priority: Priority,
        deadline_ns: int,
        connection: str = "",
    ) -> Permit:
        return await acquire(self, (), priority, deadline_ns, connection)

    patch.setattr(Budget, "acquire", free)


def never_learn_limits(patch: Patch) -> None:
    """The limits that the venue tells are not put in force."""
    patch.setattr(Outbox, "_learn", lambda self, specs: None)
    learn = Budget.learn

    def once(self: Budget, specs: Any) -> None:
        if not self._scopes:
            learn(self, specs)

    patch.setattr(Budget, "learn", once)


def forget_refused_records(patch: Patch) -> None:
    """What a full disk refused is not written later."""
    refused = JournalWriter._refused

    def drop(self: JournalWriter, effects: Any, records: Any, error: Any) -> None:
        refused(self, effects, records, error)
        self._unsaved.clear()

    patch.setattr(JournalWriter, "_refused", drop)


def close_without_writing(patch: Patch) -> None:
    """What waits for the disk at the end is lost."""

    def close(self: JournalWriter) -> None:
        self._waiting = []

    patch.setattr(JournalWriter, "close", close)
    patch.setattr(JournalWriter, "run", _never)


async def _never(self: JournalWriter) -> None:
    while True:
        await self._pause()
        if any(effect.token for effect in self._waiting):
            await self._write_all()
        else:
            self._wake.clear()
            await self._wake.wait()


def overflow_loses_events(patch: Patch) -> None:
    """A slow consumer is not told what it missed."""

    def nothing(self: EventStream, missed: Any) -> list[Event]:
        missed.first = missed.last
        return []

    patch.setattr(EventStream, "_again", nothing)


def events_come_twice(patch: Patch) -> None:
    """Every tenth event is put into the queue twice."""
    put = EventStream.put

    def twice(self: EventStream, event: Event, fills_told: int) -> None:
        put(self, event, fills_told)
        if event.seq % 10 == 0:
            put(self, event, fills_told)

    patch.setattr(EventStream, "put", twice)


def secret_in_the_log(patch: Patch) -> None:
    """The secret is shown in a message for debugging, past our own filter."""

    def leaky(credentials: Any) -> Any:
        logging.getLogger("debugging").debug("key %s", credentials.secret.reveal())
        return make_signer(credentials)

    patch.setattr(opening, "make_signer", leaky)


def secret_in_an_event(patch: Patch) -> None:
    """The secret comes out in the text of an alarm."""
    shown: list[str] = []

    def leaky(credentials: Any) -> Any:
        shown.append(credentials.secret.reveal())
        return make_signer(credentials)

    alarm = SessionCore._alarm

    def talkative(self: SessionCore, code: str, text: str) -> None:
        alarm(self, code, text)
        self.outbox.publish(Alarm(code=code, text=f"{text} {shown[-1]}"))

    patch.setattr(opening, "make_signer", leaky)
    patch.setattr(SessionCore, "_alarm", talkative)


def secret_in_the_journal(patch: Patch) -> None:
    """The secret is written into the journal."""
    shown: list[str] = []

    def leaky(credentials: Any) -> Any:
        shown.append(credentials.secret.reveal())
        return make_signer(credentials)

    save = SessionCore.save_sync_point

    def careless(self: SessionCore) -> None:
        save(self)
        self.merger.record("meta", "signed_with", shown[-1])

    patch.setattr(opening, "make_signer", leaky)
    patch.setattr(SessionCore, "save_sync_point", careless)


def a_strange_frame_kills(patch: Patch) -> None:
    """A frame that nobody understands ends the reader."""
    on_frame = SessionCore._on_frame

    def fragile(self: SessionCore, frame: Any, now: Any) -> None:
        if b"NEVER_HEARD_OF" in frame.raw or frame.raw == b"[]":
            raise ValueError("what is this?")
        on_frame(self, frame, now)

    patch.setattr(SessionCore, "_on_frame", fragile)


def streams_are_left_open(patch: Patch) -> None:
    """A stream that was given up is not closed."""
    execute = Shell._execute

    def forget(self: Shell, effect: Any) -> None:
        if type(effect).__name__ != "CloseStream":
            execute(self, effect)

    patch.setattr(Shell, "_execute", forget)


def throttles_close_for_ever(patch: Patch) -> None:
    """One 429 and nothing is sent for an hour."""
    close = Budget.close

    def hour(self: Budget, throttle: Throttle, clock: Any, now: Any) -> None:
        from connector.model.noun import replace

        close(self, replace(throttle, wait_ms=3_600_000, until_ms=None), clock, now)

    patch.setattr(Budget, "close", hour)


def cancels_wait_their_turn(patch: Patch) -> None:
    """Cancels go behind everything else, and nothing is kept for them."""
    acquire, try_acquire = Budget.acquire, Budget.try_acquire

    async def last(
        self: Budget,
        cost: Cost,
        priority: Priority,
        deadline_ns: int,
        connection: str = "",
    ) -> Permit:
        return await acquire(self, cost, Priority.QUERY, deadline_ns, connection)

    def at_once(self: Budget, cost: Cost, priority: Priority, *args: Any) -> Any:
        return try_acquire(self, cost, Priority.QUERY, *args)

    patch.setattr(Budget, "acquire", last)
    patch.setattr(Budget, "try_acquire", at_once)


def answers_have_no_bound(patch: Patch) -> None:
    """An answer is waited for without a limit."""
    send = HttpChannel.send

    async def patient(self: HttpChannel, wire: Any, **options: Any) -> Any:
        self._read_timeout_s = 1e6
        return await send(self, wire, **{**options, "timeout_s": 1e6})

    patch.setattr(HttpChannel, "send", patient)
