"""One question after the other: each is a process of its own, the limits are one."""

from __future__ import annotations

from connector.session.gate import forget_gates
from tests.cli.conftest import Desk, Run

TIMES = 12


def test_a_dozen_questions_within_a_minute(run: Run, desk: Desk) -> None:
    """Opening is cheap enough to be done every few seconds, and none of the openings
    takes the venue's sliding window above its limit."""
    codes = []
    for _ in range(TIMES):
        forget_gates()  # a new process knows no gate
        codes.append(run("orders", "--json", *desk.options).code)
    assert codes == [0] * TIMES
    assert desk.control("exceedances") == {"exceedances": []}
