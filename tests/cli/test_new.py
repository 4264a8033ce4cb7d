"""Tests of connector.cli.new."""

from __future__ import annotations

import ast
from pathlib import Path

from connector.cli.new import BOT
from tests.cli.conftest import Run

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_writes_the_first_example(run: Run, tmp_path: Path) -> None:
    """What is written is what the examples run as a test."""
    file = tmp_path / "bot.py"

    ran = run("new", str(file))

    assert ran.code == 0
    assert file.read_text() == BOT == (EXAMPLES / "first_bot.py").read_text()
    assert f"python {file}" in ran.err


def test_never_overwrites(run: Run, tmp_path: Path) -> None:
    """A second time, the file is left as it is."""
    file = tmp_path / "bot.py"
    file.write_text("mine")

    ran = run("new", str(file))

    assert ran.code == 2
    assert "left as it is" in ran.err
    assert file.read_text() == "mine"
    assert run("new", str(tmp_path / "no" / "bot.py")).code == 2


def test_it_is_short() -> None:
    """About twenty lines of code, imports aside."""
    start = ast.parse(BOT).body[0].end_lineno or 0
    lines = [
        line
        for line in BOT.splitlines()[start:]
        if line.strip() and not line.lstrip().startswith(("#", "import", "from"))
    ]

    assert len(lines) <= 20
