"""The entry format: one JSON document per key, alike in every store.

    {"version": 1, "kind": "ed25519", "api_key": "...", "secret": "...",
     "passphrase": null, "extra": {}}

*kind* may be absent or null (the signer finds out), as may *passphrase*, *extra* and
*version*. An empty *api_key* is a key pair that still waits for the venue's key id.
Text is hidden again the moment it is parsed, so that no local of a traceback holds it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from connector.errors import CredentialsError
from connector.model.credentials import ApiKey, Credentials, KeyKind, Secret

VERSION = 1

_FIELDS = ("version", "kind", "api_key", "secret", "passphrase", "extra")
_UNKNOWN = ""

_Hidden = Secret | int | None | Mapping[str, str]


def encode(credentials: Credentials) -> Secret:
    """The document of *credentials*."""
    kind, passphrase = credentials.kind, credentials.passphrase
    return Secret(
        json.dumps(
            {
                "version": VERSION,
                "kind": None if kind is None else kind.value,
                "api_key": credentials.api_key.reveal(),
                "secret": credentials.secret.reveal(),
                "passphrase": None if passphrase is None else passphrase.reveal(),
                "extra": dict(credentials.extra),
            }
        )
    )


def decode(document: Secret, where: str) -> Credentials:
    """The credentials of a document found at *where* (for the error text).

    Raises CredentialsError, naming the field but never its value.
    """
    fields = _parse(document)
    if fields is None:
        raise CredentialsError(
            f"{where}: not a JSON object with the fields {', '.join(_FIELDS)}"
        )
    if unknown := fields.get(_UNKNOWN):
        raise CredentialsError(
            f"{where}: {unknown} unknown field(s); known are {', '.join(_FIELDS)}"
        )
    if fields.get("version") not in (None, VERSION):
        raise CredentialsError(
            f"{where}: the document is not of version {VERSION}; a newer connector "
            "may have written it"
        )
    api_key, secret = fields.get("api_key"), fields.get("secret")
    passphrase, extra = fields.get("passphrase"), fields.get("extra")
    if not isinstance(api_key, Secret) or not isinstance(secret, Secret) or not secret:
        raise CredentialsError(f"{where}: api_key and secret must be texts")
    if passphrase is not None and not isinstance(passphrase, Secret):
        raise CredentialsError(f"{where}: passphrase must be a text or null")
    if extra is not None and not isinstance(extra, Mapping):
        raise CredentialsError(f"{where}: extra must be an object of texts")
    return Credentials(
        api_key=ApiKey(api_key.reveal()),
        secret=secret,
        kind=_kind(fields.get("kind"), where),
        passphrase=passphrase,
        extra=extra or {},
    )


def _kind(value: _Hidden, where: str) -> KeyKind | None:
    if value is None:
        return None
    for kind in KeyKind:
        if isinstance(value, Secret) and value == Secret(kind.value):
            return kind
    raise CredentialsError(f"{where}: kind must be one of {', '.join(KeyKind)}")


def _parse(document: Secret) -> dict[str, _Hidden] | None:
    """The fields with every text hidden; None if this is no such object."""
    try:
        fields = json.loads(document.reveal())
    except (ValueError, RecursionError):  # their text and attributes quote the input
        return None
    return _hide(fields) if isinstance(fields, dict) else None


def _hide(fields: dict[str, object]) -> dict[str, _Hidden] | None:
    """Known fields with hidden values; unknown ones are only counted."""
    hidden: dict[str, _Hidden] = {_UNKNOWN: sum(name not in _FIELDS for name in fields)}
    for name in _FIELDS:
        value = fields.get(name)
        if isinstance(value, str):
            hidden[name] = Secret(value)
        elif isinstance(value, int | None) or (
            isinstance(value, dict)
            and all(isinstance(item, str) for item in value.values())
        ):
            hidden[name] = value
        else:
            return None
    return hidden
