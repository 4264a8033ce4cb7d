"""Tests of the canary itself: what it must find, it finds."""

from __future__ import annotations

import base64
import json
import logging
import subprocess
import sys
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.secrets.canary import Canary

SECRET = 'canary/+"5ecret=7f3a9b'
LINE = "MC4CAQAwBQYDK2VwBCIEIJ1h"
PEM = f"-----BEGIN PRIVATE KEY-----\n{LINE}\n-----END PRIVATE KEY-----\n"

LEAKS = {
    "plain": SECRET,
    "quoted": f"secret={SECRET!r}",
    "json": json.dumps({"secret": SECRET}),
    "query": urllib.parse.urlencode({"secret": SECRET}),
    "hex": SECRET.encode().hex(),
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "basic-auth": base64.b64encode(f"user:{SECRET}".encode()).decode(),
    "base64-longer": base64.urlsafe_b64encode(f"user2:{SECRET}!".encode()).decode(),
    "pem-line": LINE,
}


@pytest.mark.parametrize("text", LEAKS.values(), ids=LEAKS)
def test_every_form_is_found(text: str) -> None:
    """A leak in any form fails, and the failure does not repeat the secret."""
    canary = Canary(SECRET, PEM)
    with pytest.raises(AssertionError) as caught:
        canary.assert_text_clean(text, "the text")
    assert text not in str(caught.value)
    canary.assert_text_clean("nothing to see", "the text")


@dataclass
class Leaky:
    secret: str


class Slotted:
    __slots__ = ("secret",)

    secret: str


def test_objects_are_looked_into() -> None:
    """Reprs, slots and pickles are searched."""
    canary = Canary(SECRET)
    slotted = Slotted()
    slotted.secret = SECRET
    for leak in (Leaky(SECRET), slotted):
        with pytest.raises(AssertionError):
            canary.assert_object_clean(leak)
    canary.assert_object_clean(Leaky("harmless"))


def test_exceptions_are_followed() -> None:
    """Causes, contexts and groups are searched."""
    canary = Canary(SECRET)

    def fail() -> None:
        try:
            raise ValueError(SECRET)
        except ValueError:
            raise RuntimeError("harmless") from None

    with pytest.raises(RuntimeError) as caught:
        fail()
    with pytest.raises(AssertionError):
        canary.assert_exception_clean(caught.value)
    with pytest.raises(AssertionError):
        canary.assert_exception_clean(ExceptionGroup("g", [ValueError(SECRET)]))
    canary.assert_exception_clean(ExceptionGroup("g", [ValueError("harmless")]))


def test_locals_of_foreign_frames_are_searched() -> None:
    """A library frame that holds the text in a local is a leak."""
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(SECRET)
    with pytest.raises(AssertionError, match=r"local|JSONDecodeError"):
        Canary(SECRET).assert_exception_clean(caught.value)


def test_logs_are_caught_at_all_levels(tmp_path: Path) -> None:
    """Messages, extras and exceptions of any logger are searched, then all is reset."""
    canary = Canary(SECRET)
    logger = logging.getLogger("httpcore.http11")
    level = logger.level
    for arguments, extra in (((SECRET,), {}), (("x",), {"field": SECRET})):
        with canary.logs() as seen:
            logger.debug("said %s", *arguments, extra=extra)
        assert {"httpcore.http11"} == seen.names
        with pytest.raises(AssertionError):
            seen.assert_clean()
    assert level == logger.level
    with canary.logs() as seen:
        logger.debug("harmless")
    seen.assert_clean()


def test_files_are_searched(tmp_path: Path) -> None:
    """Contents below a directory are searched, binary files too."""
    canary = Canary(SECRET)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file").write_bytes(b"\xff\0harmless")
    canary.assert_directory_clean(tmp_path)
    (tmp_path / "sub" / "file").write_bytes(b"\xff\0" + SECRET.encode())
    with pytest.raises(AssertionError):
        canary.assert_directory_clean(tmp_path)


def test_processes_are_searched() -> None:
    """Arguments and environment of another process are searched."""
    canary = Canary("canary-5ecret-7f3a9b")
    canary.assert_process_clean()
    command = [sys.executable, "-c", "print(); input()", "canary-5ecret-7f3a9b"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(AssertionError, match="cmdline"):
            canary.assert_process_clean(process.pid)
        process.communicate(b"\n", timeout=20)
