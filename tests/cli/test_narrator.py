"""Tests of connector.cli.narrator: how the story looks where it is told."""

from __future__ import annotations

import pytest

from connector.cli.narrator import Narrator
from connector.cli.output import Output

FACT = "order  PARTIALLY_FILLED BUY  BTCUSDT  0.012/0.03 @ 59998.6  cby905xw001x2"
BLOCK = "  missed fills        1\n    BUY 0.015 BTCUSDT @ 60896.50  trade 5012345051"


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_terminal_never_breaks_a_word(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines end between words, and what follows is indented deeper."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(Output, "is_terminal", property(lambda _: True))
    narrator = Narrator(Output())
    narrator.fact(FACT)
    narrator.block(BLOCK)

    told = capsys.readouterr().out.splitlines()
    assert max(map(len, told)) <= width
    words = [word for line in told for word in line.split()]
    assert words[2:] == FACT.split() + BLOCK.split()


def test_a_pipe_gets_whole_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One fact is one line, however narrow."""
    monkeypatch.setenv("COLUMNS", "40")
    narrator = Narrator(Output())
    narrator.fact(FACT)

    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith(FACT)
