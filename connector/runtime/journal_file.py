"""The journal on disk: one SQLite file, one writer, records that survive.

Group commit: a writer thread takes all batches that wait into one transaction, so
that a burst of orders costs one fsync. A batch is all or nothing; a transaction that
fails fails all its batches. What happens on the disk is told in `journal_store`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from connector.errors import JournalError, JournalFull
from connector.runtime.journal import Name, Owner, RecordLike, Row, checked
from connector.runtime.journal_guard import WriterLock, private_directory
from connector.runtime.journal_store import PAGE, Batch, Store

MAX_WAITING = 100_000
PATIENCE_S = 5.0
"""Whoever waits for the disk without an event loop waits no longer."""

_Settle = Callable[[JournalError | None], None]


class FileJournal:
    """A `connector.runtime.journal.Journal` in one file.

    *threaded* False commits inside the calling task, without any thread: for
    virtual-time loops and for tests. At most MAX_WAITING records wait for the writer
    thread; more raise JournalFull at once. *keep_ns*: of what is retired, rows written
    longer ago leave the file as others are retired (None: none ever does).
    *survives_power_loss* False makes durable writes as good as the others: they survive
    the process only.

    With the thread, `append`, reads and `close` wait *patience_s* for a disk that
    stalls, then raise JournalError (`close` returns); what was handed in may still be
    written, and the file stays locked until it is.

    Not for use in a forked child: every call there raises JournalError.
    """

    def __init__(
        self,
        file: Path,
        owner: Owner,
        *,
        wall_ns: int,
        threaded: bool = True,
        keep_ns: int | None = None,
        survives_power_loss: bool = True,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Open *file*, making it and its directory if need be.

        *wall_ns* (UTC epoch ns) is kept as the time of making. Blocks; 100 MB that are
        not retired take about a second.

        Raises JournalLocked if somebody has it open, JournalFull without space, and
        JournalError if others can write to it, it is damaged, it is no journal, or
        it belongs to another *owner*.
        """
        file = private_directory(file.absolute().parent) / file.name
        self._pid = os.getpid()
        self._survives_power_loss = survives_power_loss
        self._patience_s = patience_s
        self._is_stalled = False
        self._lock = threading.Lock()  # one user of the store at a time
        self._writer_lock = WriterLock(file)
        self._store = Store(file, keep_ns)
        try:
            self._store.open()
            self._store.own(owner, wall_ns)
        except BaseException:
            self._store.close()
            self._writer_lock.release()
            raise
        self._is_closed = False
        self._writer = _Writer(self._commit, self._let_go) if threaded else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(
        self,
        records: Sequence[RecordLike],
        *,
        durable: bool = True,
        retired: Sequence[Name] = (),
    ) -> None:
        """Commit *records* as one and return when they are kept (see `Journal`)."""
        self._check_usable()
        batch = Batch(values=checked(records), retired=retired)
        if self._writer is None:
            self._commit([batch], durable)
            return
        done: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._writer.put(_Waiting(batch, durable, _settling(done)))
        try:
            done.result(self._patience_s)
        except concurrent.futures.TimeoutError:
            raise self._stalled() from None

    async def write(
        self,
        records: Sequence[RecordLike],
        *,
        durable: bool,
        retired: Sequence[Name] = (),
    ) -> None:
        """As `append`, awaiting the writer thread.

        Cancelling the wait does not take the records back.
        """
        self._check_usable()
        batch = Batch(values=checked(records), retired=retired)
        if self._writer is None:
            self._commit([batch], durable)
            return
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        settle = _settling(done)

        def settle_in_loop(failure: JournalError | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(settle, failure)

        self._writer.put(_Waiting(batch, durable, settle_in_loop))
        await done

    def load(
        self,
        kinds: Collection[str] | None = None,
        *,
        since_seq: int = 0,
        with_history: bool = False,
    ) -> Iterator[Row]:
        """Rows of *kinds* (None: all) with seq > *since_seq*, by seq; retired ones only
        *with_history*.

        Read in pages: a record written meanwhile comes (again) at the end.
        """
        while True:
            self._check_usable()
            with self._reading():
                page = self._store.page(kinds, since_seq, with_history=with_history)
            yield from page
            if len(page) < PAGE:
                return
            since_seq = page[-1].seq

    def load_keys(self, kind: str) -> list[str]:
        """Keys of one kind, sorted by code point."""
        self._check_usable()
        with self._reading():
            return self._store.keys(kind)

    def state_hash(self, kinds: Collection[str] | None = None) -> str:
        """Digest of what `load` tells, independent of the order of writing."""
        self._check_usable()
        with self._reading():
            return self._store.state_hash(kinds)

    def close(self) -> None:
        """Write what waits, close the file and give up the lock (if the disk stalls,
        once it does no longer). Idempotent."""
        if self._is_closed or os.getpid() != self._pid:
            return
        self._is_closed = True
        if self._writer is not None:
            self._writer.stop(0.0 if self._is_stalled else self._patience_s)
        else:
            self._let_go()

    def _let_go(self) -> None:
        with self._lock:
            self._store.close()
        self._writer_lock.release()

    def _commit(self, batches: Sequence[Batch], durable: bool) -> None:
        durable = durable and self._survives_power_loss
        with self._lock:
            self._store.commit(batches, durable=durable)
            self._is_stalled = False

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """The store, unless the writer holds it longer than anybody may wait."""
        if not self._lock.acquire(timeout=0 if self._is_stalled else self._patience_s):
            raise self._stalled()
        try:
            yield
        finally:
            self._lock.release()

    def _stalled(self) -> JournalError:
        self._is_stalled = True
        return JournalError(f"the disk has not answered for {self._patience_s:g} s")

    def _check_usable(self) -> None:
        if os.getpid() != self._pid:
            raise JournalError("a journal cannot be used in a forked child process")
        if self._is_closed:
            raise JournalError("the journal is closed")


@dataclass(slots=True)
class _Waiting:
    batch: Batch
    durable: bool
    settle: _Settle


class _Writer:
    """The thread that commits, taking everything that waits at once."""

    def __init__(
        self,
        commit: Callable[[Sequence[Batch], bool], None],
        let_go: Callable[[], None],
    ) -> None:
        self._commit = commit
        self._let_go = let_go
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._waiting_records = 0
        self._is_stopping = False
        # A daemon, so that a program which forgot to close still ends.
        self._thread = threading.Thread(
            target=self._run, name="connector-journal", daemon=True
        )
        self._thread.start()

    def put(self, handed: _Waiting) -> None:
        """Hand in a batch; JournalFull if too much waits already."""
        count = len(handed.batch.values) + len(handed.batch.retired)
        with self._changed:
            if self._is_stopping:
                raise JournalError("the journal is closed")
            if self._waiting_records + count > MAX_WAITING:
                raise JournalFull(
                    f"the disk is too slow: {self._waiting_records} records wait"
                )
            self._waiting.append(handed)
            self._waiting_records += count
            self._changed.notify()

    def stop(self, timeout_s: float) -> None:
        """Commit what waits, let go of the file and end the thread; by itself, if that
        takes longer."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._is_stopping:
                    self._changed.wait()
                if not self._waiting:
                    break
                taken = list(self._waiting)
                self._waiting.clear()
                self._waiting_records = 0
            failure: JournalError | None = None
            try:
                durable = any(one.durable for one in taken)
                self._commit([one.batch for one in taken], durable)
            except JournalError as exc:
                failure = exc
            except Exception as exc:  # whoever waits must learn of it
                failure = JournalError(f"the journal failed: {type(exc).__name__}")
            for one in taken:
                one.settle(failure)
            del taken, one  # a large batch must not stay until the next one
        self._let_go()


def _settling(
    done: asyncio.Future[None] | concurrent.futures.Future[None],
) -> _Settle:
    def settle(failure: JournalError | None) -> None:
        if done.done():
            return
        if failure is None:
            done.set_result(None)
        else:
            # Everybody gets an exception of his own: tracebacks grow when raised.
            kind = JournalFull if isinstance(failure, JournalFull) else JournalError
            done.set_exception(kind(str(failure)))

    return settle
