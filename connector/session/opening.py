"""What a session is made of: profile, key, endpoints, journal, machine, tools."""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
import re
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from connector.config import SessionConfig
from connector.config.hosts import EndpointUrls, check_endpoints
from connector.config.profiles import Profile, resolve
from connector.core.inputs import Input
from connector.core.machine import SessionCore
from connector.core.restore import base36
from connector.dialect import Capability, Dialect, Endpoints
from connector.errors import ConfigError, CredentialsError, Unsupported
from connector.model.clock import NS_PER_S, ClockOffset, Now
from connector.model.credentials import Credentials
from connector.runtime import log
from connector.runtime.clock import Clock, SystemClock
from connector.runtime.hosts import AllowList
from connector.runtime.http import HttpChannel
from connector.runtime.journal import Journal, Owner, Record, journal_path
from connector.runtime.journal_file import FileJournal
from connector.runtime.journal_memory import MemoryJournal
from connector.runtime.stream import StreamChannel
from connector.session.budget import Budget
from connector.session.gate import Gate, GateKey, shared_gate
from connector.session.journaling import SPENT, JournalWriter
from connector.session.spending import Spending, run_of, spent_before, stops_before
from connector.venues.registry import dialect_for
from connector.venues.signing import Signer, make_signer

if TYPE_CHECKING:
    from connector.runtime.keystore import KeyProvider

EPHEMERAL = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """A simulated venue inside this process: where it is, and a key for it."""

    endpoints: EndpointUrls
    credentials: Credentials


class EmbeddedVenue(Protocol):
    """Starts (or joins) the simulated venue of a profile; the stack ends it."""

    def __call__(
        self, venue: str, name: str, stack: AsyncExitStack
    ) -> Awaitable[Embedded]:
        """Where it listens, once it does."""
        ...


_embedded: Callable[[], EmbeddedVenue] | None = None


def use_embedded_venues(start: Callable[[], EmbeddedVenue]) -> None:
    """Tell how `paper:` profiles without endpoints get their venue.

    The session does not know the simulated venue; the package joins them.
    """
    global _embedded
    _embedded = start


@dataclass(slots=True, kw_only=True)
class Wishes:
    """Arguments of a session; None means the profile's or the default."""

    profile: str | Profile
    config: SessionConfig | None
    credentials: Credentials | None
    keys: KeyProvider | None
    endpoints: EndpointUrls | None
    journal: Journal | Path | str | None
    clock: Clock | None
    rng: random.Random | None
    dead_man_s: float | None


@dataclass(slots=True, kw_only=True)
class Parts:
    """A session's parts, ready to run."""

    profile: Profile
    dialect: Dialect
    endpoints: Endpoints
    config: SessionConfig
    clock: Clock
    core: SessionCore
    http: HttpChannel
    streams: StreamChannel
    budget: Budget
    signer: Signer
    journal: Journal

    def journal_writer(self, post: Callable[[Input], None]) -> JournalWriter:
        """Writes the records of the machine, and what was spent."""
        return JournalWriter(self.journal, self.clock, post, self.budget.spending)


async def assemble(wishes: Wishes, stack: AsyncExitStack) -> Parts:
    """Everything a session needs; *stack* gives it back.

    Raises ConfigError, CredentialsError and JournalError before anything is sent.
    """
    redactor = log.install()
    profile, dialect, config = _plan(wishes)
    clock = wishes.clock or SystemClock()
    urls = wishes.endpoints or profile.endpoints
    given = wishes.credentials
    is_embedded = profile.is_embedded and urls is None
    if is_embedded:
        embedded = await _start_embedded(profile, stack)
        urls = embedded.endpoints
        given = given or embedded.credentials
    endpoints = _endpoints(profile, dialect, urls)
    credentials = given or await _find_credentials(profile, wishes.keys)
    credentials = _with_settings(credentials, profile, dialect)
    if credentials.is_pending:
        raise CredentialsError(
            f"the key of {profile.text} has no key id yet: register its public key at "
            f"the venue, then `connector keys add {profile.text} --finish`"
        )
    redactor.watch([credentials.api_key, credentials.secret])
    if credentials.passphrase is not None:
        redactor.watch([credentials.passphrase])
    signer = _signer(credentials, dialect)
    now = clock.now()
    journal = _journal(
        wishes,
        profile,
        is_embedded=is_embedded,
        now=now,
        config=config,
    )
    stack.callback(journal.close)
    gate = shared_gate(
        # Who shares a host shares its limits, whatever the profile is called.
        GateKey(venue=dialect.facts.name, environment=endpoints.rest),
        (),
        lambda: clock.now().mono_ns,
    )
    run, budget = _begin_run(journal, gate, _account_name(credentials), dialect, clock)
    core = SessionCore(
        dialect,
        endpoints,
        config,
        id_prefix=run,
        rng=wishes.rng or random.Random(),  # noqa: S311 - jitter only
    )
    allow = AllowList(endpoints.urls())
    http = HttpChannel(
        allow,
        connect_timeout_s=config.answer_timeout_s / 2,
        read_timeout_s=config.answer_timeout_s,
    )
    stack.push_async_callback(http.close)
    return Parts(
        profile=profile,
        dialect=dialect,
        endpoints=endpoints,
        config=config,
        clock=clock,
        core=core,
        http=http,
        streams=StreamChannel(allow, open_timeout_s=config.logon_timeout_s),
        budget=budget,
        signer=signer,
        journal=journal,
    )


def _signer(credentials: Credentials, dialect: Dialect) -> Signer:
    signer = make_signer(credentials)
    if signer.kind not in dialect.facts.key_kinds:
        taken = ", ".join(sorted(kind.value for kind in dialect.facts.key_kinds))
        raise CredentialsError(
            f"{dialect.facts.name} takes keys of kind {taken}, not {signer.kind.value}"
        )
    return signer


def _plan(wishes: Wishes) -> tuple[Profile, Dialect, SessionConfig]:
    """What is to be opened, and within which bounds."""
    profile = wishes.profile
    if isinstance(profile, str):
        profile = resolve(profile)
    dialect = dialect_for(profile.venue)
    config = wishes.config or profile.config
    if wishes.dead_man_s is not None:
        config = replace(config, dead_man_s=wishes.dead_man_s)
    _check_dead_man(dialect, config.dead_man_s)
    if wishes.endpoints is not None:
        check_endpoints(
            wishes.endpoints, profile.environment.value, profile.venue, "endpoints"
        )
    return profile, dialect, config


async def _find_credentials(
    profile: Profile, provider: KeyProvider | None
) -> Credentials:
    """From the stores of *profile*, in a thread: a store may take its time."""
    # They bring their libraries along; who gave a key needs none of them.
    from connector.runtime.keystore.of_profile import credentials_of

    return await asyncio.to_thread(credentials_of, profile, provider=provider)


def _with_settings(
    credentials: Credentials, profile: Profile, dialect: Dialect
) -> Credentials:
    """The key with the settings of its profile; ConfigError for what the venue does
    not know."""
    settings = {**credentials.extra, **profile.key_options.settings}
    known = dialect.facts.key_settings
    for name, value in settings.items():
        pattern = known.get(name)
        if pattern is None or not re.fullmatch(pattern, value):
            allowed = ", ".join(f"{n} ({p})" for n, p in sorted(known.items()))
            raise ConfigError(
                f"{profile.text}: setting {name[:64]!r} of the key: "
                f"{dialect.facts.name} knows {allowed or 'none'}"
            )
    return replace(credentials, extra=settings) if settings else credentials


def _account_name(credentials: Credentials) -> str:
    """One account, one name, which tells nothing of the key."""
    return hashlib.sha256(credentials.api_key.reveal().encode()).hexdigest()[:12]


def _check_dead_man(dialect: Dialect, timeout_s: float) -> None:
    """Raise Unsupported or ConfigError for a switch the venue does not have."""
    if not timeout_s:
        return
    facts = dialect.facts
    timeout_ms = int(timeout_s * 1000)
    if facts.dead_man is None:
        dialect.dead_man(None, timeout_ms)  # says why, if there is a reason
        raise Unsupported(facts.name, Capability.DEAD_MAN_TIMER.value)
    low, high = facts.dead_man.min_ms, facts.dead_man.max_ms
    if not low <= timeout_ms <= high:
        raise ConfigError(
            f"dead_man_s: {facts.name} takes {low / 1000:g} to {high / 1000:g} s, "
            f"not {timeout_s:g}"
        )


async def _start_embedded(profile: Profile, stack: AsyncExitStack) -> Embedded:
    if _embedded is None:
        raise ConfigError(
            f"{profile.text} has no endpoints and this process has no simulated venue"
        )
    return await _embedded()(profile.venue, profile.name, stack)


def _endpoints(
    profile: Profile, dialect: Dialect, urls: EndpointUrls | None
) -> Endpoints:
    published = dialect.endpoints(profile.environment)
    if urls is not None:
        return Endpoints(
            rest=urls.rest,
            stream=urls.stream,
            public=urls.public,
            ws_api=urls.ws_api,
            key_info=urls.key_info,
            second=urls.second,
            headers=published.headers if published is not None else (),
        )
    if published is None:
        raise ConfigError(
            f"{dialect.facts.name} publishes no addresses for "
            f"{profile.environment}; give the profile its endpoints"
        )
    return published


def _journal(
    wishes: Wishes,
    profile: Profile,
    *,
    is_embedded: bool,
    now: Now,
    config: SessionConfig,
) -> Journal:
    wanted = wishes.journal
    if wanted is None and is_embedded:
        wanted = EPHEMERAL  # its venue does not outlive the process either
    owner = Owner(profile=profile.text, venue=profile.venue)
    if wanted == EPHEMERAL:
        return MemoryJournal(owner)
    if wanted is None:
        wanted = journal_path(profile.text)
    if isinstance(wanted, (str, Path)):
        keep_s = config.keep_history_s
        return FileJournal(
            Path(wanted),
            owner,
            wall_ns=now.wall_ns,
            keep_ns=None if math.isinf(keep_s) else int(keep_s * NS_PER_S),
            survives_power_loss=config.durability == "power",
        )
    return wanted


def _begin_run(
    journal: Journal, gate: Gate, account: str, dialect: Dialect, clock: Clock
) -> tuple[str, Budget]:
    """A name that no run of any journal has had, and what earlier runs spent.

    The name is letters and digits: the journal's own random name and the number of
    this run; client order ids begin with it.
    """
    now = clock.now()
    kept = {row.key: row.body for row in journal.load({"meta"})}
    name = kept.get("id_name") or _random_name()
    number = int(kept.get("id_run", "0")) + 1
    run = _run_name(name, number)
    spending = Spending(run, clock.now)
    budget = Budget(gate, account, dialect.base_limits, spending)
    before = kept.get(SPENT)
    if before is not None:
        spent = list(spent_before(before, now.wall_ns))
        budget.inherit(spent, run_of(before), now)
        for throttle in stops_before(before, now.wall_ns):
            budget.close(throttle, ClockOffset(), now)
    gate.runs.add(run)
    bodies = {"id_name": name, "id_run": str(number), SPENT: spending.record()}
    journal.append(
        [
            Record(kind="meta", key=key, wall_ns=now.wall_ns, body=body)
            for key, body in bodies.items()
        ],
        durable=True,
    )
    return run, budget


def _run_name(name: str, number: int) -> str:
    return f"c{name}{base36(number).rjust(3, '0')}x"


def _random_name() -> str:
    return base36(secrets.randbelow(36**7)).rjust(7, "0")
