"""Tests of connector.cli.main: how every command line ends, and what it says."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connector import __version__, errors
from connector.cli import exits, main, read, wording
from connector.cli.exits import ExitCode, code_of
from connector.core import outbox
from connector.model.order import Accepted, InDoubt, OrderStatus, Rejected
from tests.cli import frames
from tests.cli.conftest import Desk, Run, profile_text

HEAVY = ("httpx", "websockets", "cryptography", "keyring", "rich", "connector.session")


class TestExitCodes:
    def test_every_error_of_the_tree_has_one(self) -> None:
        """No error ends a command without a code of the table."""
        kinds = [errors.ConnectorError]
        for kind in kinds:
            kinds += kind.__subclasses__()
        made = [kind.__new__(kind) for kind in kinds]

        codes = {type(error).__name__: code_of(error) for error in made}

        assert codes["WrongEnvironment"] == codes["KeyNotFound"] == ExitCode.KEYS
        assert codes["InvalidOrder"] == codes["ConfigError"] == ExitCode.USAGE
        assert codes["VenueRefused"] == ExitCode.REJECTED
        assert codes["MaybeSent"] == ExitCode.IN_DOUBT
        assert codes["Unreachable"] == codes["NotSent"] == ExitCode.UNREACHABLE
        assert codes["JournalLocked"] == codes["NotLive"] == ExitCode.FAILED

    @pytest.mark.parametrize(
        ("outcome", "code"),
        [
            (Accepted(order=frames.order(1)), ExitCode.OK),
            (
                Rejected(order=frames.order(1), code="-2019", text="margin"),
                ExitCode.REJECTED,
            ),
            (
                Rejected(
                    order=frames.order(1), code="NOT_SENT", text="x", was_sent=False
                ),
                ExitCode.UNREACHABLE,
            ),
            (
                Rejected(
                    order=frames.order(1),
                    code=outbox.RATE_LIMITED,
                    text="x",
                    was_sent=False,
                ),
                ExitCode.FAILED,
            ),
            (
                InDoubt(order=frames.order(1), since_ns=1, why="no answer"),
                ExitCode.IN_DOUBT,
            ),
        ],
    )
    def test_every_outcome_has_one(self, outcome: Any, code: ExitCode) -> None:
        """A refusal, a doubt and what was never sent are told apart."""
        assert wording.outcome_code(outcome) == code
        record = wording.outcome_record("place", outcome, outcome.order)
        json.dumps(record, default=str)
        assert (wording.outcome_talk("place", outcome, "paper:x") == "") == (
            code is ExitCode.OK
        )

    def test_0(self, run: Run) -> None:
        """Done."""
        ran = run("margin", "--json")

        assert ran.code == 0
        assert ran.records[0]["equity"] == "100000.00000000"

    def test_1_port_in_use(self, run: Run) -> None:
        """Failed for a reason of this machine."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            ran = run("paper", "serve", "binance", "--port", port)

        assert ran.code == 1
        assert "cannot listen on port" in ran.err
        assert "Next: choose another" in ran.err

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["plcae"], ["no such command", "connector --help"]),
            (["orders", "--foo"], ["no such option", "connector orders --help"]),
            (["place", "buy"], ["missing argument", "connector place --help"]),
            (["place", "buy", "BTCUSDT"], ["say how much with --qty"]),
            (["place", "hold", "BTCUSDT", "--qty", "1"], ["neither buy nor sell"]),
            (["place", "buy", "B", "--qty", "abc"], ["'abc' is not a number", "0.010"]),
            (["place", "buy", "B", "--qty", "NaN"], ["finite"]),
            (["place", "buy", "B", "--qty", "-1"], ["not above 0"]),
            (["place", "buy", "B", "--qty", "0"], ["not above 0"]),
            (["place", "buy", "B", "--qty", "1e400"], ["out of range"]),
            (["place", "buy", "B", "--qty", "1,5"], ["write a point"]),
            (["place", "buy", "B", "--qty", "1_0"], ["not a number"]),
            (["place", "buy", "B", "--qty", "\u0661"], ["not a number"]),
            (["place", "buy", "B", "--qty", "1", "--limit", "x"], ["'x'", "--limit"]),
            (["place", "buy", "B", "--qty", "1", "--at", "1"], ["--dry-run"]),
            (
                ["place", "buy", "B", "--qty", "1", "--tif", "FOO"],
                ["time_in_force", "GTC"],
            ),
            (
                ["place", "buy", "B", "--qty", "1", "--stop", "1", "--trailing", "1"],
                ["trigger", "one of them"],
            ),
            (["amend", "x"], ["--qty, --limit or --trigger"]),
            (["cancel"], ["missing argument"]),
            (["orders", "-p", "paper:binanec"], ["did you mean 'paper:binance'?"]),
            (["orders", "-p", "binance"], ["ENVIRONMENT:NAME"]),
            (["orders", "--profiles", "/nonexistent.toml"], ["no such file"]),
            (["fills", "--since", "yesterday"], ["90s, 15m, 24h"]),
            (["paper", "serve", "nyse"], ["no simulated venue", "binance"]),
            (["new"], ["missing argument"]),
        ],
        ids=lambda value: " ".join(value) if isinstance(value[0], str) else "",
    )
    def test_2_usage(self, run: Run, words: Sequence[str], said: list[str]) -> None:
        """What is wrong, what is allowed, what to type next; nothing on stdout."""
        ran = run(*words)

        assert ran.code == 2
        assert ran.out == ""
        assert ran.err.startswith("error: ")
        assert "Traceback" not in ran.err
        assert [part for part in said if part not in ran.err] == []

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["place", "buy", "BTCUSD", "--qty", "1"], ["'BTCUSD'", "BTCUSDT"]),
            (
                ["place", "buy", "BTCUSDT", "--qty", "0.0105"],
                ["qty_step", "nearest allowed is 0.01"],
            ),
            (
                ["place", "buy", "BTCUSDT", "--qty", "1", "--limit", "1"],
                ["percent_price", "at least"],
            ),
            (["cancel", "nothing"], ["no open order 'nothing'", "connector orders"]),
        ],
    )
    def test_2_refused_here(self, run: Run, words: list[str], said: list[str]) -> None:
        """What the venue would refuse is refused before it is sent."""
        ran = run(*words)

        assert ran.code == 2
        assert [part for part in said if part not in ran.err] == []

    @pytest.mark.parametrize(
        "words",
        [
            ["place", "buy", "BTCUSDT", "--qty", "1"],
            ["amend", "x", "--qty", "1"],
            ["cancel", "x"],
            ["cancel-all"],
        ],
    )
    def test_3_live_is_said_twice(self, run: Run, words: list[str]) -> None:
        """Law 10: real money needs --live, and --live needs real money."""
        without = run(*words, "--profile", "live:binance")
        wrongly = run(*words, "--profile", "paper:binance", "--live")

        assert (without.code, wrongly.code) == (3, 3)
        assert "--live was not given; nothing was sent" in without.err
        assert "is not real money; nothing was sent" in wrongly.err

    def test_3_no_key(self, run: Run, tmp_path: Path) -> None:
        """A missing key says where it was looked for and how to add it."""
        file = tmp_path / "p.toml"
        file.write_text(
            "[testnet.x]\nvenue='binance'\n[testnet.x.keys]\nuse_os_keyring=false"
        )

        ran = run("orders", "-p", "testnet:x", "--profiles", str(file))

        assert ran.code == 3
        assert "Looked in:" in ran.err
        assert "connector keys add" in ran.err

    def test_3_environments_mixed(self, run: Run, tmp_path: Path) -> None:
        """A live profile with a loopback address is refused before anything."""
        file = tmp_path / "p.toml"
        links = dict.fromkeys(("rest", "ws"), "https://127.0.0.1:1")
        links |= dict.fromkeys(("stream", "ws_api"), "wss://127.0.0.1:1")
        file.write_text(profile_text(links).replace("paper.desk", "live.desk"))

        ran = run("orders", "-p", "live:desk", "--profiles", str(file))

        assert ran.code == 3
        assert "this machine, which is for paper" in ran.err

    def test_4_rejected(self, run: Run) -> None:
        """The venue's own code and words are shown."""
        ran = run(
            "place", "buy", "BTCUSDT", "--qty", "100", "--limit", "59000", "--json"
        )

        assert ran.code == 4
        assert ran.records[0]["outcome"] == "rejected"
        assert ran.records[0]["code"] == "-2019"
        assert "refused by the venue: -2019" in ran.err

    def test_5_outcome_unknown(self, run: Run, desk: Desk) -> None:
        """No answer, no event, no word of it when asked: nobody knows."""
        for method, path in (("POST", "/fapi/v1/order"), ("WS", "order.place")):
            desk.control("lose_reply", method=method, path=path)
        desk.control("lose_request", method="GET", path="/fapi/v1/order", times=1000)
        desk.control("lose_request", method="WS", path="order.status", times=1000)
        desk.control("mute", kind="private", hold=60)

        ran = run(
            "place", "buy", "BTCUSDT", "--qty", "0.01", "--limit", "59000", "--json",
            *desk.options,
        )  # fmt: skip

        assert ran.code == 5
        record = ran.records[0]
        assert record["outcome"] == "in_doubt"
        assert record["status"] == OrderStatus.IN_DOUBT.value
        assert "is not known" in ran.err
        assert "connector reconcile --profile paper:desk" in ran.err
        written = desk.control("state")["orders"].values()
        assert [record["client_order_id"]] == [o["client_order_id"] for o in written]

    @pytest.mark.parametrize("is_clean", [True, False])
    def test_6_differences_left(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, is_clean: bool
    ) -> None:
        """Reconciliation that does not tie out is not a success."""
        busy = frames.busy_view().report
        assert busy is not None
        found = frames.report() if is_clean else busy

        @asynccontextmanager
        async def opened(*_: Any, **__: Any) -> AsyncIterator[Any]:
            async def reconcile() -> Any:
                return found

            yield SimpleNamespace(last_report=None, reconcile=reconcile)

        monkeypatch.setattr(read, "opened", opened)
        ran = run("reconcile", "--json")

        assert ran.code == (0 if is_clean else 6)
        assert ran.records[0]["is_clean"] is is_clean
        assert ("1 differences" in ran.err) is not is_clean

    def test_7_no_server(self, run: Run, tmp_path: Path) -> None:
        """Nothing listens: says what to start."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        links = dict.fromkeys(("rest",), f"http://127.0.0.1:{port}")
        links |= dict.fromkeys(("stream", "ws_api"), f"ws://127.0.0.1:{port}")
        file = tmp_path / "p.toml"
        file.write_text(profile_text(links, "open_timeout_s = 0.5"))

        ran = run("orders", "-p", "paper:desk", "--profiles", str(file))

        assert ran.code == 7
        assert f"connector paper serve binance-usdm --port {port}" in ran.err

    def test_130_interrupted(self, tmp_path: Path) -> None:
        """Ctrl-C ends with 130, without a traceback."""
        with subprocess.Popen(
            [sys.executable, "-m", "connector", "watch", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            os.kill(process.pid, signal.SIGINT)
            _, err = process.communicate(timeout=20)

        assert process.returncode == 130
        assert "Traceback" not in err

    def test_own_mistakes_are_one_line(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An unexpected exception shows its type, never its text: it may be secret."""

        def broken(*_: Any, **__: Any) -> None:
            raise RuntimeError("canary-5ecret")

        monkeypatch.setattr(read, "resolved", broken)
        ran = run("orders")

        assert ran.code == 1
        assert "RuntimeError" in ran.err
        assert "canary" not in ran.err
        monkeypatch.setenv(main.TRACEBACK_VARIABLE, "1")
        with pytest.raises(RuntimeError, match="canary"):
            run("orders")


class TestHelp:
    def test_without_arguments(self, run: Run) -> None:
        """The same as --help, on stdout."""
        bare, asked = run(), run("--help")

        assert bare == asked
        assert bare.code == 0
        assert "connector demo" in bare.out

    def test_version(self, run: Run) -> None:
        """One line."""
        assert run("--version").out == f"{__version__}\n"

    def test_keys_are_mounted(self, run: Run) -> None:
        """The key commands belong to the same program."""
        assert "rotate" in run("keys", "--help").out
        assert run("keys", "check", "paper:nothing").code == 2

    def test_codes_are_documented(self) -> None:
        """Each code stands in the module's text."""
        assert exits.__doc__ is not None
        assert [c for c in ExitCode if f"\n    {c.value} " not in exits.__doc__] == []

    def test_start_is_light(self) -> None:
        """``--help`` does not import what only commands need."""
        code = (
            "import sys; from connector.cli.main import run; run(['--help']); "
            f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
        )
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )

        assert ran.stderr == "[]\n"

    def test_closed_pipe(self) -> None:
        """A reader that has enough is no error."""
        ran = subprocess.run(
            f"{sys.executable} -m connector watch --json | head -1",
            shell=True,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

        assert len(ran.stdout.splitlines()) == 1
        assert "Traceback" not in ran.stderr
        assert "Exception" not in ran.stderr
