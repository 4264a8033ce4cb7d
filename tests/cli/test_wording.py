"""What the command line says when something is wrong: what, what is allowed, next."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from connector.cli import main, opening
from connector.config.profiles import resolve
from connector.errors import ConnectorError, Unreachable
from connector.session.budget import BANNED
from tests.cli.conftest import Desk, Run, profile_text


@pytest.mark.parametrize("words", [(), ("keys",), ("paper",)])
def test_summaries_are_never_cut(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """A line of help fits 80 columns; all groups of commands look the same."""
    monkeypatch.setenv("COLUMNS", "80")
    ran = run(*words, "--help")

    assert ran.code == 0
    assert "..." not in ran.out.partition("Commands:")[2]
    assert "─" not in ran.out
    assert "completion" not in ran.out


def test_a_group_without_a_command_shows_its_help(run: Run) -> None:
    """Not as an error text that begins with "usage"."""
    ran = run("paper")

    assert ran.code == 2
    assert ran.err.startswith("Usage: connector paper")


def test_a_missing_file_says_who_named_it(run: Run, tmp_path: Path) -> None:
    """The option, if it was the option."""
    ran = run("orders", "--profiles", str(tmp_path / "none"))

    assert ran.code == 2
    assert "named by --profiles" in ran.err


@pytest.mark.parametrize("word", ["", "paper", "paper:nope"])
def test_guesses_are_made_where_they_help(run: Run, word: str) -> None:
    """Nothing is suggested that is no profile."""
    ran = run("orders", "-p", word)

    assert ran.code == 2
    assert "paper:binance" in ran.err
    assert "did you mean" not in ran.err


def test_the_embedded_venue_has_no_key(run: Run) -> None:
    """Said, rather than searched for."""
    ran = run("keys", "check", "paper:binance")

    assert ran.code == 2
    assert "needs no key" in ran.err


def test_a_paper_key_in_the_file_is_checked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Found where it is, and accepted by the venue."""
    monkeypatch.setenv("CONNECTOR_PROFILES", str(desk.file))

    assert main.run(["keys", "check", "paper:desk"]) == 0
    assert f"store: profile file ({desk.file})" in capsys.readouterr().out


def test_the_cause_of_silence_is_told(run: Run, tmp_path: Path) -> None:
    """Nobody listens: not only that the clock could not be read."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    links = {"rest": f"http://127.0.0.1:{port}"}
    links |= dict.fromkeys(("stream", "ws_api"), f"ws://127.0.0.1:{port}")
    file = tmp_path / "p.toml"
    file.write_text(profile_text(links, "open_timeout_s = 0.5"))

    ran = run("orders", "-p", "paper:desk", "--profiles", str(file))

    assert ran.code == 7
    assert "clock could not be read: NOT_SENT" in ran.err


def test_a_used_up_limit_is_not_called_unreachable() -> None:
    """Waiting helps, starting a server does not."""
    profile = resolve("paper:binance", environ={})
    spent = Unreachable("not live", trouble="marks: RATE_LIMITED weight-1m")

    told = opening._explained(spent, profile)

    assert type(told) is ConnectorError
    assert "wait a minute" in str(told)


def test_a_ban_is_not_over_in_a_minute() -> None:
    """What helps is to wait as long as the venue said, and to ask nothing before."""
    profile = resolve("paper:binance", environ={})
    trouble = f"RATE_LIMITED not sent: {BANNED}, rate limit ip frees in 588 s"
    exc = Unreachable("not live", trouble=trouble)

    told = str(opening._explained(exc, profile))

    assert "wait a minute" not in told
    assert "588 s" in told
    assert "until then" in told
