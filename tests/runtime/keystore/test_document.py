"""Tests of connector.runtime.keystore.document."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import CredentialsError
from connector.model.credentials import ApiKey, Credentials, KeyKind, Secret
from connector.runtime.keystore.document import decode, encode
from tests.secrets.canary import Canary

CANARY = "canary-5ecret-7f3a9b1c"

SOME_CREDENTIALS = st.builds(
    Credentials,
    api_key=st.from_regex(r"[!-~]{0,80}", fullmatch=True).map(ApiKey),
    secret=st.text(min_size=1).map(Secret),
    kind=st.none() | st.sampled_from(KeyKind),
    passphrase=st.none() | st.text().map(Secret),
    extra=st.dictionaries(st.text(), st.text(), max_size=3),
)


@given(SOME_CREDENTIALS)
def test_documents_round_trip(credentials: Credentials) -> None:
    """What is stored is what is loaded."""
    assert credentials == decode(encode(credentials), "store")


def test_short_documents_are_enough() -> None:
    """Only api_key and secret are needed."""
    found = decode(Secret('{"api_key": " id\\n", "secret": "s"}'), "store")
    assert ApiKey("id") == found.api_key
    assert (found.kind, found.passphrase, found.extra) == (None, None, {})


GOOD = {"api_key": CANARY, "secret": CANARY}

REFUSED = {
    "empty": ("", "not a JSON object"),
    "text": (CANARY, "not a JSON object"),
    "cut-off": (json.dumps(GOOD)[:-1], "not a JSON object"),
    "list": (json.dumps([CANARY]), "not a JSON object"),
    "deep": ("[" * 100_000, "not a JSON object"),
    "float": (json.dumps(GOOD | {"version": 1.5}), "not a JSON object"),
    "nested": (json.dumps(GOOD | {"extra": {"a": [CANARY]}}), "not a JSON object"),
    "typo": (json.dumps(GOOD | {"passphase": CANARY}), "1 unknown field"),
    "secret-as-name": (json.dumps(GOOD | {CANARY: ""}), "1 unknown field"),
    "version": (json.dumps(GOOD | {"version": 2}), "not of version 1"),
    "no-secret": (json.dumps({"api_key": CANARY}), "api_key and secret"),
    "empty-secret": (json.dumps({"api_key": CANARY, "secret": ""}), "must be texts"),
    "number": (json.dumps({"api_key": CANARY, "secret": 5}), "must be texts"),
    "passphrase": (json.dumps(GOOD | {"passphrase": 5}), "passphrase must"),
    "extra": (json.dumps(GOOD | {"extra": CANARY}), "extra must"),
    "kind": (json.dumps(GOOD | {"kind": CANARY}), "kind must be one of hmac"),
    "kind-number": (json.dumps(GOOD | {"kind": 1}), "kind must be one of hmac"),
    "api-key": (json.dumps(GOOD | {"api_key": f"{CANARY} x"}), "cannot be sent"),
}


@pytest.mark.parametrize(("text", "why"), REFUSED.values(), ids=REFUSED)
def test_bad_documents_are_named_not_quoted(text: str, why: str) -> None:
    """Law 9: the error says which field, and shows no value anywhere."""
    with pytest.raises(CredentialsError, match=why) as caught:
        decode(Secret(text), "the store")
    Canary(CANARY).assert_exception_clean(caught.value)
