"""Mounts ``connector keys``, and lets ``keys check`` ask the venue.

The key commands need cryptography and the key stores, so they are built only when
one of them is typed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from connector.errors import ConfigError
from connector.model.credentials import KeyName

if TYPE_CHECKING:
    from connector.runtime.keystore import KeystoreConfig

_ANYTHING = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("keys", context_settings=_ANYTHING)(keys)


def keys(context: typer.Context) -> None:
    """Keys: add, list, check, rotate, remove, generate."""
    from connector.cli.keys import KeysHooks, build_keys_app

    hooks = KeysHooks(resolve=key_of, check_remote=check_remote, config=config_of)
    code = build_keys_app(hooks)(
        args=context.args or ["--help"],
        prog_name="connector keys",
        standalone_mode=False,
    )
    raise typer.Exit(code or 0)


def key_of(word: str) -> KeyName:
    """The key a typed word means: a profile, or the stored form of a key name.

    ConfigError for a profile that has no key, the embedded venue's.
    """
    from connector.config.profiles import resolve

    if word.count(":") > 1:
        return KeyName.of(word)
    profile = resolve(word)
    if profile.is_embedded:
        raise ConfigError(
            f"{profile} is simulated inside each command and needs no key. Next: "
            f"connector orders --profile {profile}, or name a testnet: or live: profile"
        )
    return profile.key_name


def config_of(word: str | None) -> KeystoreConfig:
    """Where the keys of a typed word are looked for; None: of no profile."""
    from connector.config.profiles import resolve
    from connector.runtime.keystore import KeystoreConfig
    from connector.runtime.keystore.of_profile import keystore_config

    if word is None or word.count(":") > 1:
        return KeystoreConfig()
    return keystore_config(resolve(word))


def check_remote(word: str) -> Mapping[str, object]:
    """What the venue says about the key of a profile: it opens a session with it.

    Raises KeyRefused if the venue refuses the key or the key may withdraw, and
    Unreachable.
    """
    from connector.cli.opening import Given, opened, resolved
    from connector.model.events import Alarm, Event

    profile = resolved(Given(profile=word))
    warnings: list[str] = []

    def keep(event: Event) -> None:
        if isinstance(event, Alarm) and event.code.startswith("key."):
            warnings.append(event.text)

    async def ask() -> Mapping[str, object]:
        async with opened(profile, on_event=keep) as session:
            stats = session.stats()
            return {
                "venue": "accepts the key",
                "clock_offset_ms": round(stats["clock_offset_ms"], 1),
                "clock_error_ms": round(stats["clock_error_ms"], 1),
                "warnings": "; ".join(warnings),
            }

    return asyncio.run(ask())
