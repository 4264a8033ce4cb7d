"""A command line in this process, and a simulated venue in another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

API_KEY = "k" * 20
API_SECRET = "not-a-secret-at-all"


@dataclass(frozen=True)
class Ran:
    """How one command ended."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """stdout as JSON, one object per line."""
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file and no variable of the person who runs the tests."""
    for name in ("CONFIG", "STATE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    for name in ("CONNECTOR_PROFILE", "CONNECTOR_PROFILES", "CONNECTOR_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line; ``--profiles`` leaves no trace in the environment."""
    from connector.cli.main import run as run_line

    def call(*arguments: str) -> Ran:
        monkeypatch.setenv("CONNECTOR_PROFILES", "")
        code = run_line(arguments)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return call


@dataclass(frozen=True)
class Desk:
    """A venue served by ``connector paper serve``, and a profile file for it."""

    links: dict[str, str]
    file: Path
    pid: int

    @property
    def options(self) -> tuple[str, ...]:
        """What makes a command use it."""
        return ("--profile", "paper:desk", "--profiles", str(self.file))

    def control(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Steer the venue, or ask for its ledger (``state``)."""
        data = None if verb == "state" else json.dumps(arguments).encode()
        with urllib.request.urlopen(
            urllib.request.Request(f"{self.links['control']}/{verb}", data=data),
            timeout=10,
        ) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


def profile_text(links: dict[str, str], session: str = "") -> str:
    """A profile file with paper:desk."""
    return f"""
[paper.desk]
venue = "binance"
[paper.desk.endpoints]
rest = "{links["rest"]}"
stream = "{links["stream"]}"
public = "{links["stream"]}"
ws_api = "{links["ws_api"]}"
[paper.desk.keys]
api_key = "{API_KEY}"
api_secret = "{API_SECRET}"
[paper.desk.session]
{session}
"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A served venue that ends with the test."""
    words = ["paper", "serve", "binance-usdm", "--api-key", API_KEY]
    words += ["--api-secret", API_SECRET, "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "connector", *words],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as server:
        assert server.stdout is not None
        try:
            links = json.loads(server.stdout.readline())
            file = tmp_path / "profiles.toml"
            file.write_text(profile_text(links, "doubt_patience_s = 0.5"))
            yield Desk(links, file, server.pid)
        finally:
            server.terminate()
            assert server.wait(10) == 0
