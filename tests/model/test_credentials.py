"""Tests of connector.model.credentials: what must not show does not show."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import pprint
import traceback
from dataclasses import asdict, dataclass, replace
from typing import Any

import pytest

from connector.errors import ConfigError, CredentialsError
from connector.model.credentials import (
    HIDDEN,
    ApiKey,
    Credentials,
    KeyKind,
    KeyName,
    Secret,
)

CANARY = "canary-5ecret-7f3a9b"
KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0M"


@dataclass
class Owner:
    secret: Secret


def credentials() -> Credentials:
    return Credentials(
        api_key=ApiKey(KEY),
        secret=Secret(CANARY),
        kind=KeyKind.HMAC,
        passphrase=Secret(CANARY),
        extra={"account": "main"},
    )


SHOWN = {
    "repr": repr,
    "str": str,
    "format": lambda value: f"{value} {value!s} {value!r} {value!a}",
    "str-format": "{0} {0!r}".format,
    "dataclass": lambda value: repr(Owner(value)),
    "asdict": lambda value: repr(asdict(Owner(value))),
    "list": lambda value: repr([value, {1: value}]),
    "pprint": pprint.pformat,
    "members": lambda value: repr(inspect.getmembers(value)),
    "copy": lambda value: repr([copy.copy(value), copy.deepcopy(value)]),
    "json": lambda value: json.dumps(value, default=repr),
}


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN)
def test_a_secret_never_shows(show: object) -> None:
    """Law 9: no way of showing a Secret shows its text."""
    assert callable(show)
    assert CANARY not in str(show(Secret(CANARY)))
    assert CANARY not in str(show(credentials()))


def test_vars_finds_nothing() -> None:
    """A Secret has no __dict__ to look into."""
    with pytest.raises(TypeError):
        vars(Secret(CANARY))
    with pytest.raises(TypeError):
        vars(credentials())


def test_locals_in_tracebacks_hide_it() -> None:
    """A traceback that captures locals prints the mask."""
    secret, owner = Secret(CANARY), credentials()
    try:
        raise RuntimeError(f"broken {secret} {owner}")
    except RuntimeError as exc:
        lines = traceback.TracebackException.from_exception(exc, capture_locals=True)
    text = "".join(lines.format())
    assert HIDDEN in text
    assert CANARY not in text
    del secret, owner


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "value", [Secret(CANARY), ApiKey(KEY), credentials(), Owner(Secret(CANARY))]
)
def test_pickling_is_refused(value: object, protocol: int) -> None:
    """Secrets and their owners do not leave the process in a pickle."""
    with pytest.raises(TypeError, match="not pickle") as caught:
        pickle.dumps(value, protocol)
    assert CANARY not in str(caught.value)


def test_reduce_and_getstate_are_refused() -> None:
    """Libraries that ask for the state directly get none."""
    for hidden in (Secret(CANARY), ApiKey(KEY)):
        for call in (hidden.__reduce__, hidden.__getstate__):
            with pytest.raises(TypeError, match="not pickle"):
                call()


def test_a_secret_is_immutable_and_unhashable() -> None:
    """Nobody swaps the text, and no hash of it gets around."""
    secret = Secret(CANARY)
    with pytest.raises(AttributeError):
        setattr(secret, "_text", lambda: "other")  # noqa: B010 - mypy forbids "="
    with pytest.raises(AttributeError):
        del secret._text
    with pytest.raises(TypeError):
        hash(secret)
    assert secret.reveal() == CANARY


def test_equality_is_by_text_and_type() -> None:
    """Equal texts are equal; a str or an ApiKey never equals a Secret."""
    assert Secret("é\ud800") == Secret("é\ud800")
    assert Secret("a") != Secret("b")
    assert Secret(KEY) != ApiKey(KEY)
    assert Secret(CANARY) != CANARY


def test_truth_tells_emptiness() -> None:
    """An empty Secret is false, so that `if passphrase` reads well."""
    assert not Secret("")
    assert Secret("x")


def test_a_secret_is_made_from_text_only() -> None:
    """Bytes are refused without being quoted."""
    raw: Any = CANARY.encode()
    with pytest.raises(TypeError) as caught:
        Secret(raw)
    assert CANARY not in str(caught.value)


def test_redact_from_hides_the_value() -> None:
    """A secret can hide itself in a text without being revealed."""
    assert f"key={HIDDEN}&x=1" == Secret(CANARY).redact_from(f"key={CANARY}&x=1")
    assert f"{HIDDEN}" == f"{Secret(CANARY):>40}"
    assert Secret("b").redact_from("abc") == "abc"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (KEY, "vmPU…sw0M"),
        (f"  {KEY}\n", "vmPU…sw0M"),
        ("A" * 15, HIDDEN),
        ("short", HIDDEN),
        ("", "(pending)"),
    ],
)
def test_fingerprints(text: str, shown: str) -> None:
    """First and last four characters, and nothing of a short key."""
    assert shown == ApiKey(text).fingerprint == str(ApiKey(text))


@pytest.mark.parametrize("text", ["a b", "key\r\nX-Evil: 1", "schlüssel", "x" * 513])
def test_api_keys_fit_into_a_header(text: str) -> None:
    """What cannot be sent is refused, unquoted."""
    with pytest.raises(CredentialsError) as caught:
        ApiKey(text)
    assert text not in str(caught.value)


def test_api_keys_identify_an_account() -> None:
    """Equal keys have one hash: limiters are shared by key."""
    assert len({ApiKey(KEY), ApiKey(f"{KEY} ")}) == 1


def test_credentials_show_fingerprint_and_kind() -> None:
    """What people see is enough to tell two keys apart."""
    assert str(credentials()) == "hmac vmPU…sw0M"
    assert not credentials().is_pending
    assert replace(credentials(), api_key=ApiKey("")).is_pending


def test_extra_cannot_be_changed_behind_the_back() -> None:
    """Credentials copy what they are given."""
    extra = {"account": "main"}
    made = Credentials(api_key=ApiKey(KEY), secret=Secret("s"), extra=extra)
    extra["account"] = "other"
    assert dict(made.extra) == {"account": "main"}


NAMES = {
    "live:binance": ("binance", "live", "default"),
    "testnet:binance/hedge-2": ("binance", "testnet", "hedge-2"),
    "connector:okx:paper:a_b": ("okx", "paper", "a_b"),
}


@pytest.mark.parametrize(("text", "parts"), NAMES.items(), ids=NAMES)
def test_key_names(text: str, parts: tuple[str, str, str]) -> None:
    """Every written form leads to one name and back."""
    name = KeyName.of(text)
    assert parts == (name.venue, name.environment, name.name)
    assert name == KeyName.of(parts) == KeyName.of(name)
    assert name == KeyName.of(name.profile) == KeyName.of(name.entry)
    assert f"connector:{':'.join(parts)}" == name.entry
    assert f"connector.{'.'.join(parts)}" == name.file_name
    assert name.profile == str(name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "binance",
        "live:",
        ":binance",
        "live:a/",
        "live:a/b/c",
        "a:b:c",
        "live:../x",
        "live:a.b",
        "other:a:b:c",
        f"live:{'x' * 65}",
        "live:a\n",
        "live:ä",
    ],
)
def test_bad_key_names_are_refused(text: str) -> None:
    """No separator, path or control character gets into an entry's name."""
    with pytest.raises(ConfigError):
        KeyName.of(text)
