"""The examples run as they are documented, on the simulated venue."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from connector import embedded

EXAMPLES = Path(__file__).parents[2] / "examples"
RUNS = {
    "first_bot.py": (["--seconds", "1.5"], "Accepted"),
    "market_maker.py": (["--seconds", "3"], "fills; position"),
    "margin_guard.py": (
        ["--seconds", "10", "--ratio", "0.00001", "--open", "0.05"],
        "flat\n",
    ),
    "reconcile_cron.py": (["--seconds", "20"], '"reason": "requested"'),
}
TESTS = "test_my_bot.py"


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG", "STATE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path))
    monkeypatch.delenv("CONNECTOR_PROFILES", raising=False)


def load(name: str) -> ModuleType:
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_is_run_here() -> None:
    """No example is left untried."""
    names = {path.name for path in EXAMPLES.glob("*.py")}
    assert names == RUNS.keys() | {TESTS}


def test_the_example_of_a_test_passes() -> None:
    """``pytest examples/test_my_bot.py``, as its first line says."""
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", TESTS],
        cwd=EXAMPLES,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("venue", ["binance", "bybit", "okx"])
@pytest.mark.parametrize("name", sorted(RUNS))
def test_it_runs(name: str, venue: str) -> None:
    """``python examples/NAME`` on paper, for a bounded time, without complaints."""
    options, said = RUNS[name]
    options = [*options, "--profile", f"paper:{venue}"]
    if venue == "okx" and name != "reconcile_cron.py":
        options += ["--symbol", "BTC-USDT-SWAP"]

    ran = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name), *options],
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    assert said in ran.stdout


def test_the_guard_leaves_a_safe_account_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Below the ratio nothing is closed."""
    guard = load("margin_guard")

    acted = asyncio.run(guard.main("paper:binance", "0.5", "BTCUSDT", "0.05", 1))

    assert not acted
    assert "stayed below" in capsys.readouterr().out


def test_the_maker_survives_an_outage(capsys: pytest.CaptureFixture[str]) -> None:
    """Quoting stops, what was filled meanwhile is known, quoting goes on."""
    maker = load("market_maker")

    async def trade() -> tuple[int, int]:
        running = asyncio.create_task(
            maker.main("paper:binance", "BTCUSDT", "0.010", "0.0002", 5)
        )
        await asyncio.sleep(1.5)
        server = embedded.server_of("binance-usdm", "binance")
        server.control.apply("outage", {"hold": 1, "fill": True})
        before = len(server.control.apply("state")["orders"])
        await asyncio.sleep(2.8)
        after = len(server.control.apply("state")["orders"])
        await running
        return before, after

    before, after = asyncio.run(trade())
    said = capsys.readouterr().out

    assert "quoting stops" in said
    assert "in sync again" in said
    assert "(missed, now known)" in said
    assert after > before, "quotes again"


def test_the_reconciler_fails_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """Cron mails what went wrong, not a traceback."""
    cron = load("reconcile_cron")

    assert asyncio.run(cron.main("paper:nothing", None, 5)) == 1
    assert "no profile paper:nothing" in capsys.readouterr().err
    assert asyncio.run(cron.main("paper:binance", None, 20)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["reason"] for line in lines] == ["start", "requested"]
