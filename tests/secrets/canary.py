"""Looks for a secret everywhere it must not be (law 9).

    canary = Canary("the private key or HMAC secret", "the passphrase")
    with canary.logs() as seen:        # everything at DEBUG, libraries included
        ...
    seen.assert_clean()
    canary.assert_object_clean(session)
    canary.assert_exception_clean(error)
    canary.assert_directory_clean(tmp_path)
    canary.assert_process_clean()

Each secret is also looked for in the forms it takes on its way: base64, hex,
percent-encoded, JSON-escaped, and each long line of a PEM text by itself.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import io
import json
import logging
import os
import pickle
import traceback
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TALKATIVE = (
    "asyncio",
    "connector",
    "connector.runtime.websockets",
    "h11",
    "httpcore",
    "httpcore.connection",
    "httpcore.http11",
    "httpx",
    "keyring",
    "websockets",
    "websockets.client",
    "websockets.server",
)
_LINE_LENGTH_MIN = 16


class Canary:
    """The secrets to look for. They should be long and unlike anything else."""

    def __init__(self, *secrets: str) -> None:
        assert all(len(secret) >= 8 for secret in secrets), "too short to be told apart"
        self._forms: dict[str, str] = {}
        for number, secret in enumerate(secrets, 1):
            for kind, form in _forms(secret):
                self._forms.setdefault(form, f"secret {number} ({kind})")

    def __repr__(self) -> str:
        return f"Canary({len(self._forms)} forms)"

    def found_in(self, text: str) -> list[str]:
        """Which secrets, in which form, *text* shows."""
        return sorted({what for form, what in self._forms.items() if form in text})

    def assert_text_clean(self, text: str, where: str) -> None:
        """Fail, without quoting the text, if it shows a secret."""
        found = self.found_in(text)
        assert not found, f"{where} shows {', '.join(found)}"

    def assert_object_clean(self, value: object) -> None:
        """repr, str, format, attributes, copies and pickles show nothing.

        An object that refuses to be copied or pickled is clean in that respect.
        """
        name = type(value).__name__
        for show in (repr, str, format, ascii):
            self.assert_text_clean(show(value), f"{show.__name__} of {name}")
        for attribute, shown in _attributes(value):
            self.assert_text_clean(shown, f"{name}.{attribute}")
        for copied in (copy.copy, copy.deepcopy):
            with contextlib.suppress(TypeError, NotImplementedError):
                self.assert_text_clean(repr(copied(value)), f"{copied.__name__} {name}")
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with contextlib.suppress(TypeError, AttributeError, pickle.PicklingError):
                data = pickle.dumps(value, protocol).decode("latin-1")
                self.assert_text_clean(data, f"pickle of {name}")

    def assert_exception_clean(self, error: BaseException) -> None:
        """Text, arguments, notes, causes, contexts and locals show nothing.

        Frames of test files are left out: the test has to know the secret.
        """
        chain: list[BaseException] = [error]
        for link in chain:
            name = type(link).__name__
            self.assert_text_clean(f"{link} {link!r} {link.args!r}", name)
            self.assert_text_clean(repr(getattr(link, "__notes__", "")), name)
            for attribute, shown in _attributes(link):
                self.assert_text_clean(shown, f"{name}.{attribute}")
            formatted = traceback.TracebackException.from_exception(
                link, capture_locals=True
            )
            for frame in formatted.stack:
                if _is_test_file(frame.filename):
                    continue
                for variable, shown in (frame.locals or {}).items():
                    where = f"{name}: local {variable} of {frame.name}"
                    self.assert_text_clean(shown, where)
            for other in (link.__cause__, link.__context__):
                if other is not None and other not in chain:
                    chain.append(other)
            chain.extend(
                other for other in getattr(link, "exceptions", ()) if other not in chain
            )

    def assert_directory_clean(self, directory: Path) -> None:
        """No file below *directory* holds a secret, in name or content."""
        for path in sorted(directory.rglob("*")):
            self.assert_text_clean(path.name, "a file name")
            if path.is_file():
                text = path.read_bytes().decode("latin-1")
                self.assert_text_clean(text, str(path))

    def assert_process_clean(self, pid: int | None = None) -> None:
        """Arguments and environment of a process show nothing (Linux)."""
        process = Path("/proc") / str(pid or os.getpid())
        for name in ("cmdline", "environ"):
            text = (process / name).read_bytes().decode("latin-1")
            self.assert_text_clean(text, str(process / name))

    @contextlib.contextmanager
    def logs(self, *names: str) -> Iterator[Seen]:
        """Everything logged inside, at all levels, by everybody.

        *names* are further loggers to turn up. Levels and handlers are as before
        afterwards.
        """
        seen = Seen(self)
        loggers = [logging.getLogger(name) for name in ("", *TALKATIVE, *names)]
        before = [(logger.level, logger.disabled) for logger in loggers]
        loggers[0].addHandler(seen)
        for logger in loggers:
            logger.setLevel(logging.DEBUG)
            logger.disabled = False
        try:
            yield seen
        finally:
            loggers[0].removeHandler(seen)
            for logger, (level, disabled) in zip(loggers, before, strict=True):
                logger.setLevel(level)
                logger.disabled = disabled


class Seen(logging.Handler):
    """What was logged, as any handler might have shown it."""

    def __init__(self, canary: Canary) -> None:
        super().__init__(logging.DEBUG)
        self._canary = canary
        self._texts: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        shown = io.StringIO()
        shown.write(logging.Formatter().format(record))
        shown.write(repr(vars(record)))
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            formatted = traceback.TracebackException.from_exception(error)
            shown.writelines(formatted.format())
        self._texts.append((record.name, shown.getvalue()))

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(text for _, text in self._texts)

    @property
    def names(self) -> set[str]:
        """The loggers that said something (to prove that there was traffic)."""
        return {name for name, _ in self._texts}

    def assert_clean(self, *but: str) -> None:
        """Fail if any record shows a secret; loggers named by *but* are left out."""
        for name, text in self._texts:
            if name not in but:
                self._canary.assert_text_clean(text, f"a record of {name}")


def _forms(secret: str) -> Iterator[tuple[str, str]]:
    raw = secret.encode("utf-8", "surrogatepass")
    yield "plain", secret
    yield "hex", raw.hex()
    yield "JSON", json.dumps(secret)[1:-1]
    yield "repr", repr(secret)[1:-1]
    yield "percent-encoded", urllib.parse.quote(raw, safe="")
    yield "form", urllib.parse.quote_plus(raw)
    # base64 at each of the three alignments, without the ends that depend on context
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw).decode()
        start = (0, 2, 3)[shift]
        core = encoded[start : len(encoded) - 4]
        if len(core) >= 8:
            yield "base64", core
            yield "base64url", core.replace("+", "-").replace("/", "_")
    for line in secret.splitlines():
        if len(line) >= _LINE_LENGTH_MIN and not line.startswith("-----"):
            yield "line", line


def _attributes(value: object) -> Iterator[tuple[str, str]]:
    """(name, repr) of every attribute that can be read, slots included."""
    names: set[str] = set(getattr(value, "__dict__", {}))
    for base in type(value).__mro__:
        slots: Any = vars(base).get("__slots__", ())
        names |= {slots} if isinstance(slots, str) else set(slots)
    for name in sorted(names - {"__dict__", "__weakref__"}):
        try:
            yield name, repr(getattr(value, name))
        except AttributeError:
            continue


def _is_test_file(filename: str) -> bool:
    return Path(__file__).parents[1] in Path(filename).parents
