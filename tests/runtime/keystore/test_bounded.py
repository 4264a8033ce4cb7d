"""Tests of connector.runtime.keystore.bounded."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from connector.errors import KeystoreUnavailable
from connector.runtime.keystore.bounded import Bounded
from tests.secrets.canary import Canary


def test_values_and_error_types_come_back() -> None:
    """A call's value is handed on; of an exception only the type survives."""
    bounded = Bounded("the store", 5)
    assert bounded.call(lambda: 5, "load").value == 5

    def fail() -> None:
        secret = "canary-5ecret-7f3a9b1c"
        raise RuntimeError(secret)

    answer = bounded.call(fail, "load")
    assert answer.error is RuntimeError
    Canary("canary-5ecret-7f3a9b1c").assert_object_clean(answer)


def test_even_an_exit_in_the_backend_is_only_an_error() -> None:
    """SystemExit inside a backend does not end anything."""

    def leave() -> None:
        raise SystemExit(3)

    assert Bounded("the store", 5).call(leave, "load").error is SystemExit


def test_a_hang_is_bounded_and_further_calls_fail_at_once(
    release: threading.Event,
) -> None:
    """Law 12: after the bound the caller goes on, and no threads pile up."""
    bounded = Bounded("the store", 0.05)
    before = threading.active_count()
    with pytest.raises(KeystoreUnavailable, match=r"within 0\.05 s \(load\)"):
        bounded.call(release.wait, "load")
    for _ in range(5):
        with pytest.raises(KeystoreUnavailable, match="still hangs"):
            bounded.call(release.wait, "load")
    assert before + 1 == threading.active_count()
    release.set()
    while threading.active_count() > before:
        time.sleep(0.001)
    assert bounded.call(lambda: 7, "load").value == 7


def test_a_hang_does_not_keep_the_process() -> None:
    """The thread is a daemon: the process exits while the call still hangs."""
    code = (
        "import threading\n"
        "from connector.errors import KeystoreUnavailable\n"
        "from connector.runtime.keystore.bounded import Bounded\n"
        "try:\n"
        "    Bounded('x', 0.01).call(threading.Event().wait, 'load')\n"
        "except KeystoreUnavailable:\n"
        "    print('bounded')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=30, check=True
    )
    assert done.stdout.strip() == b"bounded"
