"""Tests of connector.runtime.journal_file and what it stands on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from connector.errors import ConfigError, JournalError, JournalFull, JournalLocked
from connector.runtime.journal import Owner, Record, Row, journal_path
from connector.runtime.journal_file import FileJournal
from connector.runtime.journal_migrations import LAYOUT

OWNER = Owner(profile="paper:binance", venue="binance", account="7")
GOLDEN = Path(__file__).parent.parent / "golden" / "journal"
KILLED = Path(__file__).with_name("journal_killed.py")


def record(
    key: str, body: str = "{}", kind: str = "intent", wall_ns: int = 1
) -> Record:
    return Record(kind=kind, key=key, wall_ns=wall_ns, body=body)


def opened(file: Path, **options: object) -> FileJournal:
    return FileJournal(file, OWNER, wall_ns=1, **options)  # type: ignore[arg-type]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture(params=[True, False], ids=["threaded", "inline"])
def journal(file: Path, request: pytest.FixtureRequest) -> Iterator[FileJournal]:
    with opened(file, threaded=request.param) as journal:
        yield journal


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


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
    """Even if the newest record is pruned and the file reopened."""
    with opened(file) as journal:
        journal.append([record("a"), record("b")])
        last = list(journal.load())[-1].seq
        assert journal.prune("intent", 100) == 2
    with opened(file) as journal:
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


def test_prune_forgets_old_rows_of_one_kind(journal: FileJournal) -> None:
    """Memory is flat over days; other kinds and newer rows stay."""
    journal.append([record(f"{n}", wall_ns=n) for n in range(2200)])
    journal.append([record("x", kind="fill", wall_ns=0)])
    assert journal.prune("intent", 2100) == 2100
    assert journal.prune("intent", 2100) == 0
    assert len(list(journal.load())) == 101


@pytest.mark.parametrize(
    "bad",
    [
        record("lone \ud800"),
        record("nul \0"),
        record("a", wall_ns=1 << 63),
        record("a", body=b"bytes"),  # type: ignore[arg-type]
        record("a", wall_ns=None),  # type: ignore[arg-type]
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
            commit(batches, durable=durable)  # type: ignore[arg-type]

        store.commit = counted  # type: ignore[method-assign, assignment]

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


# Who may have it


def test_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    """Law 9: 0600 in 0700, side files included."""
    for umask in (0o000, 0o777, 0o077):
        directory = tmp_path / f"{umask:o}" / "deep" / "er"
        before = os.umask(umask)
        try:
            journal = opened(directory / "j.db")
            journal.append([record("a")])
        finally:
            os.umask(before)
        files = list(directory.iterdir())
        assert {"j.db", "j.db-wal", "j.db.lock"} == {path.name for path in files}
        assert {0o600} == {mode(path) for path in files}
        assert {0o700} == {mode(directory), mode(directory.parent)}
        journal.close()


def test_a_readable_journal_is_closed_to_others(file: Path) -> None:
    """Copied back from a backup with 0644: still ours, made private again."""
    opened(file).close()
    file.chmod(0o644)
    opened(file).close()
    assert mode(file) == 0o600


@pytest.mark.parametrize("bits", [0o620, 0o602, 0o666])
def test_a_journal_others_can_write_is_refused(file: Path, bits: int) -> None:
    """What others can write is no evidence of our orders."""
    opened(file).close()
    file.chmod(bits)
    with pytest.raises(JournalError, match="somebody else"):
        opened(file)
    assert bits == mode(file)


@pytest.mark.parametrize("bits", [0o770, 0o707, 0o1777])
def test_a_directory_others_can_write_is_refused(file: Path, bits: int) -> None:
    """Not even a sticky one: names could be taken before us."""
    file.parent.mkdir()
    file.parent.chmod(bits)
    with pytest.raises(JournalError, match="chmod go-w"):
        opened(file)


def test_a_parent_others_can_write_is_refused_unless_sticky(tmp_path: Path) -> None:
    """Whoever may rename the directory owns the journal."""
    parent = tmp_path / "shared"
    parent.mkdir()
    parent.chmod(0o777)
    with pytest.raises(JournalError):
        opened(parent / "mine" / "j.db")
    parent.chmod(0o1777)
    opened(parent / "mine" / "j.db").close()


@pytest.mark.parametrize(
    ("members", "name", "is_accepted"),
    [([], "me", True), (["me"], "me", True), (["you"], "me", False), ([], "us", False)],
)
def test_a_parent_open_to_our_own_group_is_fine(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    members: list[str],
    name: str,
    is_accepted: bool,
) -> None:
    """Homes are 0775 where each user has a group of his own; other groups are not."""
    parent = tmp_path / "home"
    parent.mkdir()
    parent.chmod(0o775)
    group = SimpleNamespace(gr_name=name, gr_mem=members)
    monkeypatch.setattr("grp.getgrgid", lambda _: group)
    monkeypatch.setattr("pwd.getpwuid", lambda _: SimpleNamespace(pw_name="me"))
    if is_accepted:
        opened(parent / "state" / "j.db").close()
    else:
        with pytest.raises(JournalError):
            opened(parent / "state" / "j.db")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_journal_of_another_user_is_refused(file: Path) -> None:
    """Law 10 in spirit: not ours, not read."""
    opened(file).close()
    os.chown(file, 12345, -1)
    with pytest.raises(JournalError):
        opened(file)


@pytest.mark.parametrize("suffix", ["", "-wal", ".lock"])
def test_links_are_not_followed(file: Path, tmp_path: Path, suffix: str) -> None:
    """A link planted under our name does not make us write elsewhere."""
    target = tmp_path / "target"
    target.touch()
    file.parent.mkdir(mode=0o700)
    file.with_name(file.name + suffix).symlink_to(target)
    with pytest.raises(JournalError):
        opened(file)
    assert target.read_bytes() == b""


def test_one_writer_per_file_in_this_process(file: Path) -> None:
    """A second object is told who holds it; the first is not disturbed."""
    first = opened(file)
    with pytest.raises(JournalLocked) as caught:
        opened(file)
    assert os.getpid() == caught.value.pid
    assert str(os.getpid()) in str(caught.value)
    first.append([record("a")])
    first.close()
    opened(file).close()


def test_one_writer_per_file_among_processes(file: Path) -> None:
    """The other process is named by pid; killing it frees the journal."""
    with killable(file, 0) as process:
        with pytest.raises(JournalLocked) as caught:
            opened(file)
        assert process.pid == caught.value.pid
    opened(file).close()


def test_a_forked_child_may_not_use_it(file: Path) -> None:
    """SQLite connections do not survive fork; using one would corrupt the file."""
    with opened(file, threaded=False) as journal:
        pid = os.fork()
        if pid == 0:
            try:
                journal.append([record("child")])
            except JournalError:
                os._exit(0)
            os._exit(1)
        _, status = os.waitpid(pid, 0)
        assert status == 0
        assert list(journal.load()) == []


@pytest.mark.parametrize(
    "other",
    [
        Owner(profile="live:binance", venue="binance", account="7"),
        Owner(profile="paper:binance", venue="okx", account="7"),
        Owner(profile="paper:binance", venue="binance", account="8"),
    ],
)
def test_a_journal_belongs_to_one_owner(file: Path, other: Owner) -> None:
    """Law 10: paper, testnet and live, or two accounts, are never mixed up."""
    opened(file).close()
    with pytest.raises(JournalError, match="belongs to"):
        FileJournal(file, other, wall_ns=2)
    opened(file).close()


def test_the_account_may_become_known_later(file: Path) -> None:
    """An unknown account is not compared; the first known one is kept."""
    unknown = Owner(profile="paper:binance", venue="binance")
    FileJournal(file, unknown, wall_ns=1).close()
    opened(file).close()
    FileJournal(file, unknown, wall_ns=1).close()
    with pytest.raises(JournalError):
        FileJournal(
            file,
            Owner(profile="paper:binance", venue="binance", account="8"),
            wall_ns=1,
        )


# What can go wrong


def fill(journal: FileJournal) -> int:
    """Append until JournalFull; how many were acknowledged."""
    for acked in range(10_000):
        try:
            journal.append([record(f"{acked}", "x" * 1000, wall_ns=acked)])
        except JournalFull:
            return acked
    raise AssertionError("never full")


def test_a_full_journal_says_so_and_recovers(file: Path) -> None:
    """At the bound: JournalFull, earlier records intact; after pruning it goes on."""
    with opened(file, max_bytes=64 * 4096) as journal:
        kept = fill(journal)
        assert kept > 10
        assert kept == len(list(journal.load()))
        with pytest.raises(JournalFull):
            journal.append([record("big", "x" * 500_000)])
        assert kept == journal.prune("intent", 10_000)
        journal.append([record("again", "x" * 1000)])
        assert journal.load_keys("intent") == ["again"]


@pytest.mark.parametrize("threaded", [True, False])
def test_a_full_disk_says_so_and_recovers(tmp_path: Path, threaded: bool) -> None:
    """A file size limit stands for the full disk; lifting it is enough."""
    script = f"""
import resource, sys
from pathlib import Path
from connector.errors import JournalError, JournalFull
from connector.runtime.journal import Owner, Record
from connector.runtime.journal_file import FileJournal
record = lambda n: Record(kind="intent", key=str(n), wall_ns=n, body="x" * 1000)
journal = FileJournal(Path(sys.argv[1]), Owner(profile="p", venue="v"), wall_ns=1,
                      threaded={threaded})
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
acked = 0
failures = 0
while failures < 3:
    try:
        journal.append([record(acked)])
        acked += 1
    except JournalFull:
        failures += 1
assert acked > 20, acked
assert len(list(journal.load())) == acked
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
journal.append([record(acked)])
journal.close()
print(acked + 1)
"""
    path = tmp_path / "s" / "j.db"
    done = subprocess.run(
        [sys.executable, "-c", script, path],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    with FileJournal(path, Owner(profile="p", venue="v"), wall_ns=1) as journal:
        assert int(done.stdout) == len(list(journal.load()))


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k,mode=700", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_filled_by_others_recovers_when_space_returns(tmp_path: Path) -> None:
    """ENOSPC from a real file system: JournalFull, nothing acknowledged is lost."""
    with small_disk(tmp_path / "disk") as place:
        journal = opened(place / "j.db")
        journal.append([record("first")])
        hog = place / "hog"
        with contextlib.suppress(OSError), hog.open("wb", buffering=0) as sink:
            while True:
                sink.write(b"x" * 4096)
        acked = fill(journal)
        assert acked + 1 == len(list(journal.load()))
        hog.unlink()
        journal.append([record("after", "z" * 2000)])
        assert "after" in journal.load_keys("intent")
        journal.close()
        with opened(place / "j.db") as again:
            assert acked + 2 == len(list(again.load()))


def test_no_room_to_open_is_a_full_journal(tmp_path: Path) -> None:
    """Opening on a full disk names the problem, and works when space returns."""
    with small_disk(tmp_path / "disk") as place:
        hog = place / "hog"
        with contextlib.suppress(OSError), hog.open("wb", buffering=0) as sink:
            while True:
                sink.write(b"x" * 4096)
        with pytest.raises(JournalFull):
            opened(place / "sub" / "j.db")
        hog.unlink()
        opened(place / "sub" / "j.db").close()


def crashed_copy(journal: FileJournal, file: Path, place: Path) -> Path:
    """The files as a crash at this moment would leave them."""
    place.mkdir(mode=0o700)
    for suffix in ("", "-wal"):
        source = file.with_name(file.name + suffix)
        copy = place / source.name
        copy.write_bytes(source.read_bytes())
        copy.chmod(0o600)
    return place / file.name


@pytest.mark.parametrize("damage", ["cut", "cut-frame", "zero", "garbage", "flip"])
def test_a_torn_last_write_is_cut_off(file: Path, tmp_path: Path, damage: str) -> None:
    """Reopened to the last durable record; the torn one was never acknowledged."""
    with opened(file) as journal:
        for n in range(20):
            journal.append([record(f"{n:02}")])
        before = file.with_name(file.name + "-wal").stat().st_size
        journal.append([record("torn", "t" * 9000)])
        copy = crashed_copy(journal, file, tmp_path / "copy")
    wal = copy.with_name(copy.name + "-wal")
    data = bytearray(wal.read_bytes())
    assert len(data) > before
    if damage == "cut":
        del data[before + 100 :]
    elif damage == "cut-frame":
        del data[-4120:]
    elif damage == "zero":
        data[before:] = bytes(len(data) - before)
    elif damage == "garbage":
        data[before:] = random.Random(1).randbytes(len(data) - before)
    else:
        data[before + 2000] ^= 1
    wal.write_bytes(data)
    with opened(copy) as journal:
        assert [f"{n:02}" for n in range(20)] == journal.load_keys("intent")
        journal.append([record("new")])


@pytest.mark.parametrize("where", ["header", "page", "cut", "not a database"])
def test_damage_elsewhere_is_told_and_the_file_kept(file: Path, where: str) -> None:
    """The error names the file and the next step; not a byte is changed."""
    with opened(file) as journal:
        journal.append([record(f"{n}", "x" * 500) for n in range(500)])
    data = bytearray(file.read_bytes())
    if where == "header":
        data[:16] = bytes(16)
    elif where == "page":
        data[3 * 4096 : 6 * 4096] = random.Random(1).randbytes(3 * 4096)
    elif where == "cut":
        del data[len(data) // 2 :]
    else:
        data[:] = b"hello " * 1000
    file.write_bytes(data)
    with pytest.raises(JournalError, match="damaged") as caught:
        opened(file)
    assert str(file) in str(caught.value)
    assert bytes(data) == file.read_bytes()


def test_a_foreign_database_is_refused(file: Path) -> None:
    """Somebody else's SQLite file is neither read nor changed."""
    file.parent.mkdir(mode=0o700)
    with contextlib.closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE records (x)")
    file.chmod(0o600)
    with pytest.raises(JournalError, match="not a journal"):
        opened(file)


def test_a_newer_layout_is_refused(file: Path) -> None:
    """An older package does not touch what it does not understand."""
    opened(file).close()
    with contextlib.closing(sqlite3.connect(file)) as other:
        other.execute(f"PRAGMA user_version = {LAYOUT + 1}")
    with pytest.raises(JournalError, match="newer version"):
        opened(file)


def test_layout_0_is_migrated(file: Path) -> None:
    """Every record of the old layout is there, numbered by age; once only."""
    file.parent.mkdir(mode=0o700)
    with contextlib.closing(sqlite3.connect(file)) as old:
        old.executescript((GOLDEN / "layout_0.sql").read_text())
    file.chmod(0o600)
    for _ in range(2):
        with opened(file) as journal:
            assert [
                Row(kind="intent", key="c-1", seq=1, wall_ns=1700000000000000001,
                    body='{"qty":"1"}'),
                Row(kind="intent", key="c-2", seq=2, wall_ns=1700000000000000002,
                    body='{"qty":"2"}'),
                Row(kind="fill", key="t-9", seq=3, wall_ns=1700000000000000003,
                    body='{"price":"60000.10"}'),
            ] == list(journal.load())  # fmt: skip
    with contextlib.closing(sqlite3.connect(file)) as now:
        assert now.execute("PRAGMA user_version").fetchone()[0] == LAYOUT
        assert (
            now.execute(
                "SELECT value FROM meta WHERE name = 'created_wall_ns'"
            ).fetchone()[0]
            == "1700000000000000000"
        )
        assert (
            now.execute(
                "SELECT count(*) FROM sqlite_schema WHERE name IN ('records', 'meta')"
            ).fetchone()[0]
            == 2
        )


# Death


@contextlib.contextmanager
def killable(file: Path, number: int) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, KILLED, file, str(number)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()


def test_every_acknowledged_record_survives_kill_9(file: Path) -> None:
    """Law 4: killed at 24 random moments; no acknowledged record is ever missing."""
    rng = random.Random(20261125)
    acked: list[int] = []
    for _ in range(24):
        with killable(file, acked[-1] + 1000 if acked else 0) as process:
            assert process.stdout is not None
            lines = rng.randrange(0, 60)
            acked += [int(process.stdout.readline()) for _ in range(lines)]
            threading.Event().wait(rng.random() * 0.01)
            process.send_signal(signal.SIGKILL)
            acked += [
                int(line)
                for line in process.stdout.read().splitlines(keepends=True)
                if line.endswith("\n")
            ]
        owner = Owner(profile="paper:binance", venue="binance")
        with FileJournal(file, owner, wall_ns=1) as journal:
            kept = {row.key: row.body for row in journal.load({"intent"})}
            cursor = [row.body for row in journal.load({"cursor"})]
        assert set(map(str, acked)) <= set(kept)
        assert all(body.strip() == f'{{"number": {key}}}' for key, body in kept.items())
        if acked:
            # The batch is atomic: the cursor is that of the last intent kept.
            assert [max(kept, key=int)] == cursor
    assert len(acked) > 100


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
