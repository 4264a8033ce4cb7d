"""From the word of a profile to an open session."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from connector.config import SessionConfig
from connector.config.defaults import DEFAULT_PROFILE
from connector.errors import ConnectorError, Unreachable, WrongEnvironment

if TYPE_CHECKING:
    from connector.config.profiles import Profile
    from connector.model.credentials import Credentials
    from connector.model.events import Event
    from connector.session import Session


JOURNAL_NAME = "command-line"
OPEN_TIMEOUT_S = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the command line said about the session."""

    profile: str
    profiles_file: Path | None = None
    live: bool = False


def resolved(given: Given) -> Profile:
    """The profile; ConfigError if there is none.

    A file named on the command line is made the file of this process, so that
    whoever resolves a profile later finds the same.
    """
    from connector.config.profiles import FILE_VARIABLE, resolve

    if given.profiles_file is not None:
        os.environ[FILE_VARIABLE] = str(given.profiles_file)
    return resolve(given.profile, file=given.profiles_file)


def acting(given: Given) -> Profile:
    """The profile of a command that changes something at the venue.

    WrongEnvironment unless ``--live`` and a live profile go together.
    """
    profile = resolved(given)
    if profile.is_live and not given.live:
        raise WrongEnvironment(
            f"{profile} is real money and --live was not given; nothing was sent.\n"
            "Next: the same command with --live, or with --profile "
            f"{DEFAULT_PROFILE} to try it out"
        )
    if given.live and not profile.is_live:
        raise WrongEnvironment(
            f"--live was given, but {profile} is not real money; nothing was sent.\n"
            "Next: leave --live out, or choose a profile with --profile live:NAME"
        )
    return profile


@asynccontextmanager
async def opened(
    profile: Profile,
    *,
    keeps_journal: bool = False,
    on_event: Callable[[Event], None] | None = None,
) -> AsyncIterator[Session]:
    """An open session of *profile*, closed with the block.

    The command line never touches the journal of a bot: the bot would find it
    locked, or miss the report of what happened while it was away. What must be
    durable (*keeps_journal*) goes to a journal of the command line's own.

    Raises what the stores and the session raise; nothing is sent if the key is
    missing.
    """
    from connector import Session
    from connector.runtime.journal import journal_path

    credentials = None
    if profile.is_embedded:
        print(
            f"{profile} is simulated inside this command: it starts empty and ends "
            "with it. One that stays: connector paper serve",
            file=sys.stderr,
        )
    else:
        credentials = await asyncio.to_thread(credentials_asking, profile)
    journal: Path | str = "memory"
    if keeps_journal and not profile.is_embedded:
        journal = journal_path(profile.text, JOURNAL_NAME)
    session = Session(
        profile.text,
        config=_patient(profile.config),
        credentials=credentials,
        journal=journal,
        on_event=on_event,
    )
    try:
        await session.open()
    except Unreachable as exc:
        raise _explained(exc, profile) from None
    try:
        yield session
    finally:
        await session.close()


def _patient(config: SessionConfig) -> SessionConfig:
    """A person waits less long than a bot, unless the profile says how long."""
    if config.open_timeout_s != SessionConfig().open_timeout_s:
        return config
    return replace(config, open_timeout_s=OPEN_TIMEOUT_S)


def _explained(exc: Unreachable, profile: Profile) -> ConnectorError:
    """The error with what to do next; a used-up limit is not an unreachable venue."""
    from connector.core.outbox import RATE_LIMITED
    from connector.session.budget import BANNED

    if BANNED in exc.trouble:
        return ConnectorError(
            f"{exc}\nNext: ask nothing until then: the venue has banned this machine's "
            "address, and whoever goes on may be banned for longer. Orders that rest "
            "stay: cancel them on the venue's web page if they must not"
        )
    if RATE_LIMITED in exc.trouble:
        return ConnectorError(
            f"{exc}\nNext: wait a minute. The rate limit of this machine's address is "
            "used up by what ran before, here or elsewhere; a bot keeps one session "
            "open and needs far less"
        )
    return Unreachable(f"{exc}\nNext: {_advice(profile)}")


def _advice(profile: Profile) -> str:
    if profile.endpoints is None:
        return "look at the network and at the venue's status page, then try again"
    where = f"{profile.endpoints.rest} (from {profile.file})"
    if profile.environment == "paper":
        port = profile.endpoints.rest.rpartition(":")[2].partition("/")[0]
        return (
            f"is something serving at {where}? "
            f"connector paper serve {profile.venue} --port {port}"
        )
    return f"can this machine reach {where}? Then try again"


def credentials_asking(profile: Profile) -> Credentials:
    """The key of *profile*; asks for the vault's passphrase if that takes one."""
    from connector.cli.key_source import ask_terminal, asked_once
    from connector.runtime.keystore.of_profile import credentials_of, keystore_config

    ask = None
    vault = keystore_config(profile).vault_file
    if sys.stdin.isatty() and vault.exists():
        ask = asked_once(ask_terminal, vault)
    return credentials_of(profile, ask)
