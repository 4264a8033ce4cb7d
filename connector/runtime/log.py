"""Logging: quiet by default, and a net under everything that is said.

Secrets are kept out of logs by not logging them; this module is the second net, and
the first one for what others log about our traffic:

- httpx logs the full URL of each request at INFO, signature included;
- httpcore logs headers and exceptions at DEBUG;
- websockets logs the request line, headers and frames of each connection at DEBUG.

`install()` puts a filter on exactly these loggers and on our own. It adds no handler
that prints, sets no level, and touches no other logger. A filter sits on a logger, not
on a handler, so that it works whatever handlers the user attaches, and because filters
of a parent are not asked for records of its children, each logger is named.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterable
from typing import Final

from connector.model.credentials import HIDDEN, ApiKey, Secret

OWN_LOGGERS: Final = tuple(
    f"connector{tail}"
    for tail in (
        "",
        ".cli",
        ".config",
        ".paper",
        ".runtime",
        ".runtime.keystore",
        ".runtime.websockets",
        ".session",
        ".sim",
    )
)
"""One logger per subpackage that logs; deeper names are not filtered."""

FOREIGN_LOGGERS: Final = (
    "httpx",
    "httpcore",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
    "keyring",
    "keyring.backend",
    "websockets",
    "websockets.client",
    "websockets.server",
    "websockets.protocol",
)
"""Loggers of libraries that would otherwise tell what we send."""

_NAME = (
    r"(?:x-mbx-apikey|x-bapi-(?:api-key|sign)|ok-access-(?:key|sign|passphrase)"
    r"|(?:proxy-)?authorization|(?:set-)?cookie"
    r"|api[_-]?key|listen[_-]?key|(?:api|client)?[_-]?secret(?:[_-]?key)?"
    r"|private[_-]?key|(?:access|refresh|auth|bearer)?[_-]?token"
    r"|pass(?:phrase|word)|sign(?:ature)?|sig)"
)
_SENSITIVE_NAME: Final = re.compile(_NAME, re.IGNORECASE)

_PATTERNS: Final = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL | re.MULTILINE)
    for pattern in (
        # PEM blocks, also cut off or folded into one line
        r"(-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----)(?:.*?(?=-----END)|.*)",
        # query strings, forms and repr-like text: signature=...
        rf"((?<![a-z0-9]){_NAME}(?:=|%3D)[\"']?)[^&\s\"'<>,;)]+",
        # JSON, dicts and header tuples: "apiKey": "...", (b'OK-ACCESS-KEY', b'...')
        rf"((?<![a-z0-9]){_NAME}\\*[\"']\s*[:,]\s*b?\\*[\"'])[^\"'\\]*",
        # header lines, to the end of the line
        rf"((?<![a-z0-9_-]){_NAME}:[ \t]*(?=[^\s\"']))[^\r\n]*",
        # h11 quotes the header it refuses
        r"(Illegal header value )[^\r\n]*",
    )
)
"""Each keeps its first group and hides the rest of the match."""

_STEMS: Final = ("key", "sig", "secret", "token", "pass", "auth", "cookie", "header v")
"""What a text must contain for any of the patterns to match (looked for first: the
patterns cost 1 us per character, this a thousandth of it)."""

_LONG_PATH_PART: Final = re.compile(r"/[A-Za-z0-9_-]{40,}")
"""Keys in paths: wss://host/ws/<listenKey>."""

_TELL_FRAMES: Final = frozenset(
    {
        "connector.runtime.websockets",
        "websockets",
        "websockets.client",
        "websockets.protocol",
        "websockets.server",
    }
)
"""Loggers that websockets writes to."""

_WATCHED_MAX: Final = 256

_PLAIN_HEADERS: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "date",
        "host",
        "retry-after",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-version",
        "server",
        "upgrade",
        "user-agent",
    }
)

_RECORD_FIELDS: Final = frozenset(
    vars(logging.LogRecord("", 0, "", 0, "", None, None))
) | {"message", "asctime", "taskName"}


def redact(text: str) -> str:
    """*text* without the values of names that are known to be sensitive.

    Works on URLs, forms, JSON, header lines and reprs of these; a best effort, as
    any net: what matters must not be logged in the first place.
    """
    lowered = text.lower()
    if any(stem in lowered for stem in _STEMS):
        for pattern in _PATTERNS:
            text = pattern.sub(lambda match: f"{match[1]}{HIDDEN}", text)
    return _LONG_PATH_PART.sub(f"/{HIDDEN}", text)


class Redactor(logging.Filter):
    """A logging filter that hides sensitive values in records and lets all pass.

    It looks at message, arguments, extra fields, exception and stack texts. A record
    in which it finds nothing is left exactly as it was.
    """

    def __init__(self) -> None:
        super().__init__()
        self._watched: tuple[Secret | ApiKey, ...] = ()
        self._lock = threading.Lock()

    def watch(self, values: Iterable[Secret | ApiKey]) -> None:
        """Hide these very values as well, wherever they turn up.

        For what travels on the wire: API keys, listen keys, tokens, passphrases. The
        newest 256 are kept.
        """
        with self._lock:
            known = list(self._watched)
            known.extend(value for value in values if value not in known)
            self._watched = tuple(known[-_WATCHED_MAX:])

    def redact(self, text: str) -> str:
        """*text* without watched values and values of sensitive names."""
        for value in self._watched:
            text = value.redact_from(text)
        return redact(text)

    def filter(self, record: logging.LogRecord) -> bool:
        """Clean *record* in place; always True, and raises nothing.

        What a filter raises reaches the line that logged, so a record that cannot be
        cleaned (a field whose repr fails) is emptied instead.
        """
        try:
            self._clean(record)
        except Exception as exc:
            for name in vars(record).keys() - _RECORD_FIELDS:
                setattr(record, name, HIDDEN)
            record.msg = f"record emptied: {type(exc).__name__} while cleaning it"
            record.args = record.exc_info = record.exc_text = record.stack_info = None
        return True

    def _clean(self, record: logging.LogRecord) -> None:
        self._clean_message(record)
        self._clean_extra(record)
        if record.exc_info and record.exc_info[0] is not None:
            text = logging.Formatter().formatException(record.exc_info)
            cleaned = self.redact(text)
            if cleaned != text:
                record.exc_info, record.exc_text = None, cleaned
        if record.exc_text:
            record.exc_text = self.redact(record.exc_text)
        if record.stack_info:
            record.stack_info = self.redact(record.stack_info)

    def _clean_message(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception:  # wrong arguments: logging would print them all to stderr
            text = f"{record.msg} (arguments do not fit)"
            record.msg, record.args = text, None
        cleaned = self.redact(text)
        if cleaned != text:
            record.msg, record.args = cleaned, None

    def _clean_extra(self, record: logging.LogRecord) -> None:
        for name in vars(record).keys() - _RECORD_FIELDS:
            value = getattr(record, name)
            if _SENSITIVE_NAME.fullmatch(name) and not isinstance(value, ApiKey):
                setattr(record, name, HIDDEN)
                continue
            text = value if isinstance(value, str) else repr(value)
            cleaned = self.redact(text)
            if cleaned != text:
                setattr(record, name, cleaned)


class WireGuard(logging.Filter):
    """Takes payloads and headers out of the records of websockets.

    A frame is logged as a shortened repr, which may begin in the middle of a key and
    so escape every pattern: only its kind and size are let through. Of the headers
    only the values of harmless ones are.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Clean *record* in place; always True."""
        match record.args:
            case (frame,) if hasattr(frame, "opcode") and hasattr(frame, "data"):
                opcode = getattr(frame.opcode, "name", frame.opcode)
                record.args = (f"{opcode} [{len(frame.data)} bytes]",)
            case (str() as name, value) if record.msg in ("> %s: %s", "< %s: %s"):
                harmless = name.lower() in _PLAIN_HEADERS
                record.args = (name, value if harmless else HIDDEN)
            case _:
                pass
        return True


_redactor: Final = Redactor()
_wire_guard: Final = WireGuard()
_silence: Final = logging.NullHandler()


def install() -> Redactor:
    """Put the nets in place; may be called any number of times.

    Returns the redactor, so that a session can tell it what to `watch`.
    """
    for name in OWN_LOGGERS:
        logger = logging.getLogger(name)
        logger.addHandler(_silence)
    for name in (*OWN_LOGGERS, *FOREIGN_LOGGERS):
        logger = logging.getLogger(name)
        if name in _TELL_FRAMES:
            logger.addFilter(_wire_guard)
        logger.addFilter(_redactor)
    return _redactor


def uninstall() -> None:
    """Take the nets away again."""
    for name in (*OWN_LOGGERS, *FOREIGN_LOGGERS):
        logger = logging.getLogger(name)
        logger.removeHandler(_silence)
        logger.removeFilter(_wire_guard)
        logger.removeFilter(_redactor)
