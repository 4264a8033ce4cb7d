"""How commands end that are told to stop: Ctrl-C and SIGTERM."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Desk

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A command in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "connector", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", SIGNALS)
def test_watch(number: signal.Signals) -> None:
    """Both end with 130: the session is closed, nothing is torn."""
    with started("watch", "--json") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        _, err = process.communicate(timeout=20)

    assert process.returncode == 130
    assert "Traceback" not in err


def test_sigterm_counts_where_ctrl_c_is_ignored() -> None:
    """A shell starts background commands with SIGINT ignored."""
    words = [sys.executable, "-m", "connector", "watch", "--json"]
    with subprocess.Popen(
        ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()

        assert process.wait(20) == 130


@pytest.mark.parametrize("number", SIGNALS)
def test_an_order_that_rests_is_told(number: signal.Signals, desk: Desk) -> None:
    """Whoever stops waiting learns that the order is there, and how to cancel it."""
    order = ("buy", "BTCUSDT", "--qty", "0.01", "--limit", "59000", "--wait", "60")
    with started("place", *order, "--json", *desk.options) as process:
        resting: dict[str, Any] = {}
        until = time.monotonic() + 20
        while not resting and time.monotonic() < until:
            resting = desk.control("state")["orders"]
            time.sleep(0.05)
        time.sleep(0.5)  # until the answer is there, too
        process.send_signal(number)
        out, err = process.communicate(timeout=20)

    told = json.loads(out)
    assert process.returncode == 130
    assert told["client_order_id"] in json.dumps(resting)
    assert f"connector cancel {told['client_order_id']} --profile paper:desk" in err


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_worlds_in_parallel_do_not_outlive_their_parent() -> None:
    """``connector sim``: what has not begun is dropped, no process is left."""
    with subprocess.Popen(
        [sys.executable, "-m", "connector", "sim", "--seeds", "0:5000", "--jobs", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        until = time.monotonic() + 30
        while not children.read_text() and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        # Pipes end when the last process that holds them has ended.
        process.communicate(timeout=60)

        assert process.returncode == 130
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)


AT_THE_WORST_MOMENT = """
import os, signal
from connector.cli.main import main
import sys
os.register_at_fork(after_in_child=lambda: os.killpg(0, signal.SIGINT))
sys.argv = ["connector", "sim", "--seeds", "0:5000", "--jobs", "2"]
main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_an_interrupt_while_processes_are_made() -> None:
    """A child just made, which knows nothing yet, is not what ends the command."""
    with subprocess.Popen(
        [sys.executable, "-c", AT_THE_WORST_MOMENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        _, err = process.communicate(timeout=60)

    assert process.returncode == 130, err.decode()
    assert b"Traceback" not in err
