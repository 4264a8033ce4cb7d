"""Tests of connector.runtime.journal_file: what it keeps, and waiting for it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from journals import opened, record

from connector.errors import ConfigError, JournalError
from connector.runtime.journal import Record, journal_path
from connector.runtime.journal_file import FileJournal

# What it keeps


def test_records_come_back_in_the_order_of_writing(journal: FileJournal) -> None:
    """seq grows with each write; a rewritten record moves to the end."""
    journal.append([record("a", "1"), record("b", "2")])
    journal.append([record("a", "3")], durable=False)
    assert [(r.key, r.body) for r in journal.load()] == [("b", "2"), ("a", "3")]
    rows = list(journal.load())
    assert rows[0].seq < rows[1].seq
    assert rows[1:] == list(journal.load(since_seq=rows[0].seq))
    assert list(journal.load(since_seq=rows[1].seq)) == []


def test_everything_survives_reopening(file: Path) -> None:
    """All fields, any Unicode, big and negative times."""
    wanted = [
        record("ключ/\U0001f511 'x'\"", '{"p":"0.10"}\n\t', wall_ns=(1 << 63) - 1),
        record("", "", kind="k", wall_ns=-1),
    ]
    with opened(file) as journal:
        journal.append(wanted)
        digest = journal.state_hash()
    with opened(file) as journal:
        found = list(journal.load())
        assert digest == journal.state_hash()
    assert wanted == [
        Record(kind=r.kind, key=r.key, wall_ns=r.wall_ns, body=r.body) for r in found
    ]


def test_kinds_are_kept_apart(journal: FileJournal) -> None:
    """The same key in two kinds is two records."""
    journal.append([record("a"), record("a", kind="fill"), record("b", kind="fill")])
    assert [row.kind for row in journal.load({"fill"})] == ["fill", "fill"]
    assert list(journal.load([])) == []
    assert journal.load_keys("fill") == ["a", "b"]
    assert journal.load_keys("none") == []


def test_long_reads_come_in_pages_and_see_what_is_added(journal: FileJournal) -> None:
    """A reader neither blocks writers nor misses rows."""
    journal.append([record(f"{n:05}") for n in range(2500)])
    reader = journal.load()
    first = next(reader)
    journal.append([record("late")])
    rest = list(reader)
    assert first.key == "00000"
    assert [f"{n:05}" for n in range(1, 2500)] + ["late"] == [r.key for r in rest]


def test_seq_never_goes_back(file: Path) -> None:
    """Even if the newest record leaves the file, which is opened again."""
    with opened(file) as journal:
        journal.append([record("a"), record("b")])
        last = list(journal.load())[-1].seq
    with opened(file, keep_ns=0) as journal:
        gone = [("intent", "a"), ("intent", "b")]
        journal.append([record("x", wall_ns=2)], retired=[*gone, ("intent", "x")])
        assert [row.key for row in journal.load(with_history=True)] == ["x"]
        journal.append([record("c")])
        assert last < next(journal.load()).seq


def test_state_hash_depends_on_content_alone(tmp_path: Path) -> None:
    """Law 14: same records, same digest; one changed character, another one."""
    a, b = opened(tmp_path / "a"), opened(tmp_path / "b", threaded=False)
    a.append([record("1"), record("2", "x", wall_ns=5)])
    b.append([record("2", "x", wall_ns=9)])
    b.append([record("1", "old")])
    b.append([record("1")])
    assert a.state_hash() == b.state_hash()
    assert a.state_hash({"intent"}) == a.state_hash() != a.state_hash({"fill"})
    b.append([record("1", "{ }")])
    assert a.state_hash() != b.state_hash()
    a.close()
    b.close()


@pytest.mark.parametrize(
    "bad",
    [
        record("lone \ud800"),
        record("nul \0"),
        record("a", wall_ns=1 << 63),
        record("a", body=b"bytes"),
        record("a", wall_ns=None),
    ],
)
def test_what_cannot_be_stored_is_refused_whole(
    journal: FileJournal, bad: Record
) -> None:
    """A batch is all or nothing, and a bad one does not harm the journal."""
    with pytest.raises(JournalError):
        journal.append([record("good"), bad])
    assert list(journal.load()) == []
    journal.append([record("good")])


# Waiting for it


def test_write_from_tasks_is_committed_when_it_returns(journal: FileJournal) -> None:
    """Each writer finds its record after its await; bursts share commits."""

    async def one(n: int) -> None:
        await journal.write([record(f"{n}")], durable=n % 2 == 0)
        assert f"{n}" in journal.load_keys("intent")

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for n in range(100):
                group.create_task(one(n))

    asyncio.run(main())
    assert len(list(journal.load())) == 100


def test_a_burst_costs_few_commits(file: Path) -> None:
    """Group commit: what waits while a commit runs goes into the next one."""
    with opened(file) as journal:
        commits: list[int] = []
        store = journal._store
        commit = store.commit
        go_on = threading.Event()

        def counted(batches: list[object], *, durable: bool) -> None:
            go_on.wait()
            commits.append(len(batches))
            commit(batches, durable=durable)

        store.commit = counted

        async def main() -> None:
            async with asyncio.TaskGroup() as group:
                for n in range(200):
                    group.create_task(journal.write([record(f"{n}")], durable=True))
                await asyncio.sleep(0)
                go_on.set()

        asyncio.run(main())
        assert sum(commits) == 200
        assert len(commits) <= 3


def test_a_cancelled_write_is_kept_and_harms_nobody(file: Path) -> None:
    """Cancelling the wait does not take the record back."""

    async def main(journal: FileJournal) -> None:
        task = asyncio.create_task(journal.write([record("a")], durable=True))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await journal.write([record("b")], durable=True)

    with opened(file) as journal:
        asyncio.run(main(journal))
        assert journal.load_keys("intent") == ["a", "b"]


def test_closing_writes_what_waits(file: Path) -> None:
    """close() finishes the queue; afterwards every call is refused."""

    async def main(journal: FileJournal) -> None:
        tasks = [
            asyncio.create_task(journal.write([record(f"{n}")], durable=False))
            for n in range(50)
        ]
        await asyncio.sleep(0)
        journal.close()
        for task in tasks:
            await task

    journal = opened(file)
    asyncio.run(main(journal))
    journal.close()
    for call in (
        lambda: journal.append([record("x")]),
        lambda: list(journal.load()),
        journal.state_hash,
    ):
        with pytest.raises(JournalError, match="closed"):
            call()
    with opened(file) as journal:
        assert len(list(journal.load())) == 50


def test_only_durable_writes_pay_for_fsync(journal: FileJournal) -> None:
    """FULL syncs the WAL at each commit, NORMAL does not; both switch back."""
    connection = journal._store._connection
    assert connection is not None
    for durable, expected in ((True, 2), (False, 1), (True, 2)):
        journal.append([record("a")], durable=durable)
        assert connection.execute("PRAGMA synchronous").fetchone() == (expected,)


def test_who_does_not_fear_for_the_power_pays_nothing(file: Path) -> None:
    """Durable writes are kept for the next process, without fsync."""
    with opened(file, survives_power_loss=False) as journal:
        connection = journal._store._connection
        assert connection is not None
        journal.append([record("a")], durable=True)
        assert connection.execute("PRAGMA synchronous").fetchone() == (1,)
    with opened(file) as journal:
        assert [row.key for row in journal.load()] == ["a"]


# Where it lives


def test_the_path_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Own variable, then XDG, then the home directory."""
    monkeypatch.delenv("CONNECTOR_STATE_DIR", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    name = "live.3a.binance@journal.db"
    assert tmp_path / ".local/state/connector" / name == journal_path("live:binance")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert tmp_path / ".local/state/connector" / name == journal_path("live:binance")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "x"))
    assert tmp_path / "x/connector" / name == journal_path("live:binance")
    monkeypatch.setenv("CONNECTOR_STATE_DIR", str(tmp_path / "own"))
    assert tmp_path / "own" / name == journal_path("live:binance")
    monkeypatch.setenv("CONNECTOR_STATE_DIR", "relative")
    with pytest.raises(ConfigError):
        journal_path("live:binance")


def test_names_make_safe_and_different_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No name leaves the directory, hides, or meets another name's file."""
    monkeypatch.setenv("CONNECTOR_STATE_DIR", str(tmp_path))
    pairs = [
        ("live:binance", "a"), ("live.binance", "a"), ("live/binance", "a"),
        ("Live:binance", "a"), ("../../etc", "passwd"), ("..", "."), ("a@b", "c"),
        ("a", "b@c"), ("a-b", "c"), ("a", "b-c"), (".hidden", "x"), ("\0", "\n"),
        ("é", "ü"), ("con", "aux"),
    ]  # fmt: skip
    paths = [journal_path(*pair) for pair in pairs]
    assert {tmp_path} == {path.parent for path in paths}
    assert len(pairs) == len({path.name.lower() for path in paths})
    assert all("/" not in p.name and "\0" not in p.name for p in paths)
    for bad in ("", "x" * 500):
        with pytest.raises(ConfigError):
            journal_path(bad)
