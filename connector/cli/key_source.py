"""Where ``connector keys`` gets secrets from: a hidden prompt, stdin, a private file.

Never the command line: arguments show in the process list and in shell histories.
"""

from __future__ import annotations

import base64
import getpass
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from connector.errors import ConfigError
from connector.model.credentials import ApiKey, Credentials, KeyKind, Secret
from connector.runtime.keystore.document import decode
from connector.runtime.keystore.private_files import (
    TEXT_BYTES_MAX,
    decode_utf8,
    read_private,
)
from connector.runtime.keystore.vault import PassphraseSource

Ask = Callable[[str, bool], Secret]
"""Asks a person for one line: (question, whether the answer is hidden)."""


def ask_terminal(question: str, is_hidden: bool) -> Secret:
    """Ask on the terminal, talking on stderr; ConfigError if there is none."""
    if not sys.stdin.isatty():
        raise ConfigError(
            "standard input is not a terminal, so nothing can be asked: use --stdin or "
            "--file for a key, --vault-passphrase-file for the vault, --yes to remove"
        )
    if is_hidden:
        try:
            return Secret(getpass.getpass(f"{question}: ", stream=sys.stderr))
        except EOFError:
            raise ConfigError("nothing was typed") from None
    print(f"{question}: ", end="", file=sys.stderr, flush=True)
    return Secret(sys.stdin.readline().rstrip("\r\n"))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySource:
    """Where the new key comes from."""

    ask: Ask
    stdin: bool = False
    file: Path | None = None
    kind: KeyKind | None = None
    passphrase: bool = False

    def credentials(self) -> Credentials:
        """Ask or read; ConfigError or CredentialsError, never quoting a secret."""
        if self.file is not None:
            text = _read_file(self.file)
            if _is_document(text):
                return self._stated(decode(text, str(self.file)))
            api_key = self.api_key()
        elif self.stdin:
            text = _read_stdin()
            if _is_document(text):
                return self._stated(decode(text, "standard input"))
            api_key, text = _split_first_line(text)
        else:
            api_key = self.api_key()
            text = self.ask("Secret (one line; for a PEM use --file)", True)
        passphrase = None
        if self.passphrase or "ENCRYPTED" in text.reveal():
            passphrase = self.ask("Passphrase", True)
        return Credentials(
            api_key=api_key, secret=text, kind=self.kind, passphrase=passphrase
        )

    def api_key(self) -> ApiKey:
        """The API key alone; ConfigError if it is empty."""
        text = _read_stdin() if self.stdin else self.ask("API key", False)
        key = ApiKey(text.reveal())
        if key.is_pending:
            raise ConfigError("the API key is empty")
        return key

    def _stated(self, credentials: Credentials) -> Credentials:
        return (
            credentials if self.kind is None else replace(credentials, kind=self.kind)
        )


def asked_once(ask: Ask, vault: Path) -> PassphraseSource:
    """A passphrase source that asks a person, twice for a new vault."""
    given: list[Secret] = []

    def source() -> Secret:
        if not given:
            passphrase = ask(f"Passphrase of the vault {vault}", True)
            if not vault.exists() and passphrase != ask("The same again", True):
                raise ConfigError("the passphrases differ: nothing was stored")
            given.append(passphrase)
        return given[0]

    return source


def _read_file(path: Path) -> Secret:
    """The text of a private file; a binary one (DER) as base64."""
    try:
        content = read_private(path, bytes_max=TEXT_BYTES_MAX)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    text = decode_utf8(content)
    if text is not None:
        return text
    return Secret(base64.b64encode(content.reveal().encode("latin-1")).decode("ascii"))


def _read_stdin() -> Secret:
    content = Secret(sys.stdin.buffer.read(TEXT_BYTES_MAX + 1).decode("latin-1"))
    if not content.reveal().strip() or len(content.reveal()) > TEXT_BYTES_MAX:
        raise ConfigError("standard input is empty or longer than 64 KiB")
    text = decode_utf8(content)
    if text is None:
        raise ConfigError("standard input is not UTF-8 text")
    return text


def _is_document(text: Secret) -> bool:
    return text.reveal().lstrip().startswith("{")


def _split_first_line(text: Secret) -> tuple[ApiKey, Secret]:
    first, _, rest = (Secret(part) for part in text.reveal().partition("\n"))
    if not rest.reveal().strip():
        raise ConfigError(
            "standard input: the API key on the first line, then the secret; or a "
            "JSON document"
        )
    return ApiKey(first.reveal()), Secret(rest.reveal().strip())
