"""Profiles: which venue, which environment, which addresses, which key.

A profile is one word, ``ENVIRONMENT:NAME``, with ENVIRONMENT one of ``paper``,
``testnet`` and ``live``. NAME is a venue or its short name (``live:binance``), the
same with the name of a key (``live:binance/hedge``), or a name defined in ONE file:
``--profiles FILE``, else ``$CONNECTOR_PROFILES``, else
``$XDG_CONFIG_HOME/connector/profiles.toml`` (``~/.config`` without it). The file
need not exist. All that can stand in it::

    [paper.desk]                     # the profile paper:desk
    venue = "binance-usdm"           # or its short name

    [paper.desk.endpoints]           # all or none; without: the venue's own, and
    rest = "http://127.0.0.1:8800"   # for paper the one embedded in the program
    stream = "ws://127.0.0.1:8800/private"
    public = "ws://127.0.0.1:8800/market"
    ws_api = "ws://127.0.0.1:8800/ws-fapi/v1"      # may be left out
    # second = "ws://..."            # where the venue has two private streams

    [paper.desk.keys]                # paper only: here keys are no secrets
    api_key = "paperkey"
    api_secret = "papersecret"

    [live.hedge]
    venue = "binance-usdm"

    [live.hedge.session]             # any field of connector.config.SessionConfig
    audit_interval_s = 30
    open_timeout_s = 20

    [live.hedge.keys]                # where the key is looked for
    name = "hedge"                   # stored as live:binance-usdm/hedge
    secret_directory = "/run/secrets"
    vault = "/srv/bot/vault"
    vault_passphrase_file = "/srv/bot/passphrase"
    use_os_keyring = false
    allow_environment = false

    [live.hedge.keys.settings]       # what a key may need beside itself: names and
    session = "hedge"                # values are the venue's, others are refused

Environments never mix: paper stays on this machine, live never goes to this machine
or to a test network, testnet never goes to a live host. Plain text (http, ws) is for
this machine only. Every error is a ConfigError (WrongEnvironment for a mixture)
which names the file, the key and what is allowed.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from connector.config.defaults import DEFAULT_PROFILE
from connector.config.hosts import EndpointUrls, check_endpoints
from connector.config.limits import SessionConfig
from connector.config.venues import venue_of, venue_words
from connector.errors import ConfigError
from connector.model.credentials import (
    DEFAULT_NAME,
    ApiKey,
    Credentials,
    KeyName,
    Secret,
)

FILE_VARIABLE = "CONNECTOR_PROFILES"
PROFILE_VARIABLE = "CONNECTOR_PROFILE"

_FILE_BYTES_MAX = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Environment(StrEnum):
    """Whose money."""

    PAPER = "paper"  # nobody's: a simulated venue on this machine
    TESTNET = "testnet"  # nobody's: the venue's own test network
    LIVE = "live"  # yours


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOptions:
    """Where the key of a profile is looked for; None leaves the usual place. The
    *settings* are joined to those that the key brings along."""

    secret_directory: Path | None = None
    vault: Path | None = None
    vault_passphrase_file: Path | None = None
    use_os_keyring: bool = True
    allow_environment: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """All that the word of a profile stands for.

    *endpoints* None: the venue's own addresses, for paper the embedded venue.
    *key_name* names the key in every store, the venue always by its full name.
    *paper_credentials* are given for paper profiles only, where the file may hold
    them. *file* is where it is defined, None if it is built in.
    """

    environment: Environment
    name: str
    venue: str
    key_name: KeyName
    endpoints: EndpointUrls | None = None
    config: SessionConfig = field(default_factory=SessionConfig)
    key_options: KeyOptions = field(default_factory=KeyOptions)
    paper_credentials: Credentials | None = None
    file: Path | None = None

    @property
    def is_live(self) -> bool:
        """Whether real money is at stake."""
        return self.environment is Environment.LIVE

    @property
    def is_embedded(self) -> bool:
        """Whether the simulated venue inside the program is meant."""
        return self.environment is Environment.PAPER and self.endpoints is None

    @property
    def text(self) -> str:
        """The word itself: ``paper:binance``."""
        return f"{self.environment.value}:{self.name}"

    def __str__(self) -> str:
        return self.text


def resolve(
    profile: str,
    *,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Profile:
    """What *profile* stands for; ConfigError says what exists if it is unknown.

    *file* is read in place of the usual one and must then exist, as must the one
    that the environment names. A definition in the file wins over a built-in name.
    """
    environment, name = _split(profile)
    path = _file_of(file, os.environ if environ is None else environ)
    document = {} if path is None else _read(path)
    table = document.get(environment.value, {}).get(name)
    if table is not None:
        assert path is not None
        return _defined(environment, name, table, path)
    return _built_in(environment, name, document, path)


def profile_names(
    *, file: Path | None = None, environ: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """The profiles defined in the file, sorted; ConfigError if it is broken."""
    path = _file_of(file, os.environ if environ is None else environ)
    return _names({} if path is None else _read(path))


def default_file(environ: Mapping[str, str]) -> Path:
    """Where profiles are defined unless told otherwise; it need not exist."""
    base = environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "connector/profiles.toml"


# --- the word ---


def _split(profile: str) -> tuple[Environment, str]:
    words = ", ".join(item.value for item in Environment)
    word, colon, name = profile.partition(":")
    if not colon or not name:
        is_name = not colon and venue_of(profile) is not None
        near = f"; did you mean paper:{profile[:64]}?" if is_name else ""
        raise ConfigError(
            f"profile {profile[:64]!r}: write ENVIRONMENT:NAME, for example "
            f"{DEFAULT_PROFILE}; ENVIRONMENT is one of {words}{near}"
        )
    try:
        environment = Environment(word)
    except ValueError:
        raise ConfigError(
            f"profile {profile[:64]!r}: no environment {word[:64]!r}"
            f"{_did_you_mean(word, Environment)}; there are: {words}"
        ) from None
    return environment, name


def _built_in(
    environment: Environment,
    name: str,
    document: Mapping[str, Mapping[str, Any]],
    path: Path | None,
) -> Profile:
    venue_word, slash, key_name = name.partition("/")
    venue = venue_of(venue_word)
    if venue is None:
        raise ConfigError(_unknown(environment, name, document, path))
    return Profile(
        environment=environment,
        name=name,
        venue=venue,
        key_name=KeyName(
            venue=venue,
            environment=environment.value,
            name=key_name if slash else DEFAULT_NAME,
        ),
    )


def _unknown(
    environment: Environment,
    name: str,
    document: Mapping[str, Mapping[str, Any]],
    path: Path | None,
) -> str:
    prefix = environment.value
    defined = _names(document)
    known = (*defined, *(f"{prefix}:{word}" for word in venue_words()))
    wanted = f"{prefix}:{name[:64]}"
    where = f"none are defined in {path}" if path is not None else "no profile file"
    if defined:
        where = f"{path} defines {', '.join(defined)}"
    return (
        f"no profile {wanted}{_did_you_mean(wanted, known)}. Built in are "
        f"{', '.join(f'{prefix}:{word}' for word in venue_words())}; {where}"
    )


# --- the file ---


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Endpoints(_Strict):
    rest: str
    stream: str
    public: str
    ws_api: str = ""
    key_info: str = ""
    second: str = ""


class _Keys(_Strict):
    name: str | None = None
    secret_directory: str | None = None
    vault: str | None = None
    vault_passphrase_file: str | None = None
    use_os_keyring: bool = True
    allow_environment: bool = False
    settings: dict[str, str] = {}
    api_key: str | None = None
    api_secret: str | None = None
    passphrase: str | None = None


class _Table(_Strict):
    venue: str
    endpoints: _Endpoints | None = None
    session: dict[str, object] = {}
    keys: _Keys = _Keys()


_ALLOWED: Mapping[str, tuple[str, ...]] = {
    "": tuple(_Table.model_fields),
    "endpoints": tuple(_Endpoints.model_fields),
    "keys": tuple(_Keys.model_fields),
}


def _file_of(file: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read; None if none is named and the usual one does not exist."""
    named = file or (Path(v) if (v := environ.get(FILE_VARIABLE)) else None)
    path = named or default_file(environ)
    if not path.exists():
        if named is None:
            return None
        raise ConfigError(
            f"{path}: no such file; it was named by "
            + ("--profiles" if file else f"${FILE_VARIABLE}")
        )
    return path


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """The file as tables of tables, its outer shape checked."""
    try:
        mode = path.stat().st_mode
        if os.name == "posix" and mode & 0o002:
            raise ConfigError(
                f"{path}: anybody may change it, and it says where signed requests "
                f"go. Next: chmod o-w {path}"
            )
        data = path.read_bytes()
        if len(data) > _FILE_BYTES_MAX:
            raise ConfigError(f"{path}: longer than {_FILE_BYTES_MAX} bytes")
        document = tomllib.loads(data.decode())
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path}: not UTF-8 text") from exc
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{path}: not TOML: {exc}") from exc
    for word, tables in document.items():
        if word not in tuple(Environment):
            raise ConfigError(
                f"{path}: [{word}]: no such environment"
                f"{_did_you_mean(word, Environment)}; there are: "
                f"{', '.join(Environment)}. A profile is written [paper.NAME]"
            )
        for name, table in _tables(path, f"[{word}]", tables).items():
            _tables(path, f"[{word}.{name}]", table)
            if _NAME.fullmatch(name) is None:
                raise ConfigError(
                    f"{path}: [{word}.{name[:64]!r}]: a name is letters, digits, "
                    "'-' and '_', at most 64"
                )
    return document


def _tables(path: Path, where: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: {where}: must be a table, as in [paper.NAME]")
    return value


def _names(document: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(
        sorted(f"{word}:{name}" for word, names in document.items() for name in names)
    )


def _defined(
    environment: Environment, name: str, raw: Mapping[str, Any], path: Path
) -> Profile:
    where = f"{path}: [{environment.value}.{name}]"
    try:
        table = _Table.model_validate(raw)
    except ValidationError as exc:
        raise ConfigError(_first_error(where, exc)) from None
    venue = venue_of(table.venue)
    if venue is None:
        raise ConfigError(
            f"{where} venue: no venue {table.venue[:64]!r}"
            f"{_did_you_mean(table.venue, venue_words())}; there are: "
            f"{', '.join(venue_words())}"
        )
    endpoints = None
    if table.endpoints is not None:
        endpoints = EndpointUrls(**table.endpoints.model_dump())
        check_endpoints(endpoints, environment.value, venue, f"{where} endpoints")
    try:
        key = KeyName(
            venue=venue, environment=environment.value, name=table.keys.name or name
        )
    except ConfigError as exc:
        raise ConfigError(f"{where} keys.name: {exc}") from None
    return Profile(
        environment=environment,
        name=name,
        venue=venue,
        key_name=key,
        endpoints=endpoints,
        config=_session_config(table.session, f"{where} session"),
        key_options=_key_options(table.keys),
        paper_credentials=_paper_credentials(environment, name, table.keys, where),
        file=path,
    )


def _first_error(where: str, exc: ValidationError) -> str:
    """The first thing wrong, in words; never quotes a value (it may be a secret)."""
    errors = exc.errors(include_input=False, include_url=False)
    # A misspelled key is also a missing one: the misspelling explains more.
    error = min(errors, key=lambda item: item["type"] != "extra_forbidden")
    *outer, last = (str(part) for part in error["loc"])
    section = outer[0] if outer else ""
    key = ".".join((*outer, last))
    allowed = _ALLOWED.get(section, ())
    match error["type"]:
        case "extra_forbidden":
            return (
                f"{where}: unknown key {key[:64]!r}{_did_you_mean(last, allowed)}; "
                f"allowed: {', '.join(allowed)}"
            )
        case "missing":
            hint = "; endpoints are given all or not at all: rest, stream, public"
            return f"{where}: {key} is missing" + (
                hint if section == "endpoints" else ""
            )
        case _:
            return f"{where}: {'.'.join((*outer, last))[:64]}: {error['msg']}"


def _session_config(given: Mapping[str, object], where: str) -> SessionConfig:
    known = {item.name: type(item.default) for item in fields(SessionConfig)}
    for name, value in given.items():
        if name not in known:
            raise ConfigError(
                f"{where}: unknown setting {name[:64]!r}{_did_you_mean(name, known)}; "
                f"allowed: {', '.join(known)}"
            )
        wanted = known[name]
        is_right = type(value) is wanted or (wanted is float and type(value) is int)
        if not is_right:
            word = {
                bool: "true or false",
                int: "a whole number",
                float: "a number",
                str: "text",
            }
            raise ConfigError(f"{where}.{name}: must be {word[wanted]}, not {value!r}")
        if isinstance(value, float) and not isfinite(value):
            raise ConfigError(f"{where}.{name}: must be finite, not {value!r}")
    try:
        return SessionConfig(**given)  # type: ignore[arg-type]  # types checked above
    except ConfigError as exc:
        raise ConfigError(f"{where}: {exc}") from None


def _key_options(keys: _Keys) -> KeyOptions:
    def path(text: str | None) -> Path | None:
        return None if text is None else Path(text).expanduser()

    return KeyOptions(
        secret_directory=path(keys.secret_directory),
        vault=path(keys.vault),
        vault_passphrase_file=path(keys.vault_passphrase_file),
        use_os_keyring=keys.use_os_keyring,
        allow_environment=keys.allow_environment,
        settings=keys.settings,
    )


def _paper_credentials(
    environment: Environment, name: str, keys: _Keys, where: str
) -> Credentials | None:
    if keys.api_key is keys.api_secret is keys.passphrase is None:
        return None
    if environment is not Environment.PAPER:
        raise ConfigError(
            f"{where} keys: secrets stand in this file for paper only. Next: take "
            "them out (and replace that key at the venue if others could read the "
            f"file), then `connector keys add {environment.value}:{name}`"
        )
    if keys.api_key is None or keys.api_secret is None:
        raise ConfigError(f"{where} keys: api_key and api_secret go together")
    return Credentials(
        api_key=ApiKey(keys.api_key),
        secret=Secret(keys.api_secret),
        passphrase=None if keys.passphrase is None else Secret(keys.passphrase),
    )


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word, [str(item) for item in known], n=1, cutoff=0.75)
    return f" (did you mean {near[0]!r}?)" if near else ""
