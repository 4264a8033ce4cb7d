"""Tests of connector.cli.key_source in processes of their own, one with a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

from connector.cli.exits import ExitCode
from tests.secrets.canary import Canary

CANARY = "canary-5ecret-7f3a9b1c"
PASSPHRASE = "canary-passphra5e-4d2e"
API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2"
SHOWN = "vmPU…aKE2"


def run_process(
    arguments: list[str], given: str, home: Path
) -> subprocess.CompletedProcess[str]:
    code = "from connector.cli.keys import build_keys_app; build_keys_app()()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        input=given,
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
    )


def test_without_a_terminal_nothing_is_asked(tmp_path: Path) -> None:
    """A script that forgot --stdin gets an error, not a hang."""
    done = run_process(["add", "live:a", "--store", "vault"], "", tmp_path)
    assert done.returncode == ExitCode.USAGE
    assert "not a terminal" in done.stderr


def test_the_vault_passphrase_may_come_from_a_file(tmp_path: Path) -> None:
    """A headless machine: secret by stdin, passphrase by private file."""
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(PASSPHRASE)
    passphrase.chmod(0o600)
    vault = ["--vault", str(tmp_path / "v"), "--vault-passphrase-file", str(passphrase)]
    given = f"{API_KEY}\n{CANARY}\n"
    added = run_process(
        ["add", "live:a", "--stdin", "--store", "vault", *vault], given, tmp_path
    )
    assert added.returncode == 0, added.stderr
    checked = run_process(["check", "live:a", *vault], "", tmp_path)
    assert SHOWN in checked.stdout
    for done in (added, checked):
        Canary(CANARY, PASSPHRASE).assert_text_clean(done.stdout + done.stderr, "it")


def test_prompts_on_a_real_terminal_do_not_echo(tmp_path: Path) -> None:
    """On a terminal the secret is typed, and the terminal never shows it."""
    code = "from connector.cli.keys import build_keys_app; build_keys_app()()"
    arguments = ["add", "live:a", "--store", "vault", "--vault", str(tmp_path / "v")]
    # The child makes the terminal its own, as a shell would have done.
    code = f"import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); {code}"
    terminal, child_side = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=child_side,
        stdout=child_side,
        stderr=child_side,
        start_new_session=True,
        env=os.environ | {"HOME": str(tmp_path), "NO_COLOR": "1"},
    )
    os.close(child_side)
    script = [
        (b"API key", API_KEY),
        (b"Secret", CANARY),
        (b"Passphrase of the vault", PASSPHRASE),
        (b"The same again", PASSPHRASE),
    ]
    canary = Canary(CANARY, PASSPHRASE)
    shown, asked = b"", b""
    try:
        while True:
            try:
                piece = os.read(terminal, 1024)
            except OSError:  # Linux: the other side is gone
                break
            if not piece:
                break
            shown, asked = shown + piece, asked + piece
            if script and script[0][0] in asked and asked.rstrip().endswith(b":"):
                _, answer = script.pop(0)
                asked = b""
                canary.assert_process_clean(child.pid)
                os.write(terminal, f"{answer}\n".encode())
    finally:
        os.close(terminal)
        child.wait(20)
    assert child.returncode == 0, shown.decode(errors="replace")
    assert not script
    assert SHOWN in shown.decode()
    canary.assert_text_clean(shown.decode(), "the terminal")
    canary.assert_directory_clean(tmp_path)
