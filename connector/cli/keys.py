"""``connector keys``: put keys into a store, look after them, take them out.

Secrets come from a hidden prompt, from standard input or from a private file, never
from the command line. Data goes to stdout (with --json one object per line), talk to
stderr. Exit codes are those of `connector.cli.exits`: 2 usage, 3 keys and stores.

A generated key pair waits under ``NAME-next`` until the venue has issued its key id;
``--finish`` then puts both in place. So a running key is never overwritten by one
that does not work yet.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ParamSpec

import typer

from connector.cli.exits import code_of
from connector.cli.key_options import (
    DirectoryOption,
    EnvironmentOption,
    FileOption,
    FinishOption,
    GenerateOption,
    JsonOption,
    KindOption,
    PassphraseFileOption,
    PassphraseOption,
    Profile,
    StdinOption,
    StoreOption,
    VaultOption,
)
from connector.cli.key_source import Ask, KeySource, ask_terminal, asked_once
from connector.errors import (
    ConfigError,
    ConnectorError,
    CredentialsError,
    KeyNotFound,
    KeystoreUnavailable,
)
from connector.model.credentials import ApiKey, Credentials, KeyKind, KeyName, Secret
from connector.runtime.keystore import (
    KeyStore,
    KeystoreConfig,
    Located,
    locate_credentials,
    open_keystore,
    survey,
)
from connector.runtime.keystore.search import (
    passphrase_from_file,
    passphrase_from_systemd,
)
from connector.venues.signing import generate_ed25519, make_signer, public_pem

_NEXT_SUFFIX = "-next"

CheckRemote = Callable[[str], Mapping[str, object]]
"""Asks the venue about the key of a profile; findings by name, or ConnectorError."""

P = ParamSpec("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysHooks:
    """What the commands need from outside.

    *resolve* turns the word a user typed into a key name (the main program knows
    the profiles of the configuration), *check_remote* asks the venue, *config* tells
    where the keys of that word (None: of no profile) are looked for; options of the
    command line are laid over it.
    """

    resolve: Callable[[str], KeyName] = KeyName.of
    check_remote: CheckRemote | None = None
    ask: Ask = ask_terminal
    config: Callable[[str | None], KeystoreConfig] = lambda word: KeystoreConfig()


def build_keys_app(hooks: KeysHooks | None = None) -> typer.Typer:
    """The sub-application ``keys``, to be added to the main one."""
    commands = _Commands(hooks or KeysHooks())
    app = typer.Typer(
        help="Keys: add, list, check, rotate, remove, generate.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    for function in (
        commands.add,
        commands.list_keys,
        commands.check,
        commands.rotate,
        commands.remove,
        commands.generate,
    ):
        name = function.__name__.removesuffix("_keys")
        app.command(name)(_with_exit_codes(function))
    return app


def _with_exit_codes(function: Callable[P, None]) -> Callable[P, None]:
    """Turn our errors into a text on stderr and an exit code."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except ConnectorError as exc:
            code, text = code_of(exc), str(exc)
        else:
            return
        _say(f"error: {text}")
        raise typer.Exit(code)

    return run


class _Commands:
    """The commands, sharing the hooks; options are documented by their types."""

    def __init__(self, hooks: KeysHooks) -> None:
        self._hooks = hooks

    def add(
        self,
        profile: Profile,
        store: StoreOption = "auto",
        stdin: StdinOption = False,
        file: FileOption = None,
        kind: KindOption = None,
        passphrase: PassphraseOption = False,
        generate: GenerateOption = None,
        finish: FinishOption = False,
        vault: VaultOption = None,
        vault_passphrase_file: PassphraseFileOption = None,
        as_json: JsonOption = False,
    ) -> None:
        """Store the key of a profile."""
        key = self._new_key(profile)
        config = self._config(profile, vault, vault_passphrase_file)
        keystore = open_keystore(config, store)
        if _exists(keystore, key):
            raise ConfigError(
                f"{key} is in the {keystore.name} already: `connector keys rotate "
                f"{key}` replaces it, `connector keys remove {key}` removes it"
            )
        source = KeySource(
            ask=self._hooks.ask,
            stdin=stdin,
            file=file,
            kind=kind,
            passphrase=passphrase,
        )
        self._store_new(key, keystore, source, generate, finish, as_json)
        self._warn_if_shadowed(key, keystore, config)

    def rotate(
        self,
        profile: Profile,
        store: StoreOption = "auto",
        stdin: StdinOption = False,
        file: FileOption = None,
        kind: KindOption = None,
        passphrase: PassphraseOption = False,
        generate: GenerateOption = None,
        finish: FinishOption = False,
        vault: VaultOption = None,
        vault_passphrase_file: PassphraseFileOption = None,
        as_json: JsonOption = False,
    ) -> None:
        """Replace the key of a profile by a new one of the same account."""
        key = self._new_key(profile)
        keystore = open_keystore(
            self._config(profile, vault, vault_passphrase_file), store
        )
        old = keystore.load(key)
        source = KeySource(
            ask=self._hooks.ask,
            stdin=stdin,
            file=file,
            kind=kind,
            passphrase=passphrase,
        )
        if self._store_new(key, keystore, source, generate, finish, as_json):
            _say(
                f"replaced {old.api_key.fingerprint}. Next: restart what uses {key}, "
                f"`connector keys check {key}`, then delete the old key at the venue"
            )

    def generate(
        self,
        profile: Profile,
        store: StoreOption = "auto",
        kind: KindOption = None,
        vault: VaultOption = None,
        vault_passphrase_file: PassphraseFileOption = None,
        as_json: JsonOption = False,
    ) -> None:
        """Make a key pair, keep the private half, print the public half."""
        key = self._new_key(profile)
        keystore = open_keystore(
            self._config(profile, vault, vault_passphrase_file), store
        )
        self._generate(key, keystore, kind or KeyKind.ED25519, as_json)

    def list_keys(
        self,
        vault: VaultOption = None,
        vault_passphrase_file: PassphraseFileOption = None,
        secret_directory: DirectoryOption = None,
        as_json: JsonOption = False,
    ) -> None:
        """Names of all stored keys, in the order stores are asked."""
        config = self._config(None, vault, vault_passphrase_file, secret_directory)
        broken = False
        for report in survey(config):
            try:
                names = report.store.list() if report.store is not None else ()
                reason = report.reason
            except KeystoreUnavailable as exc:
                broken, names, reason = True, (), str(exc)
            if reason:
                _say(f"{report.name}: {reason}")
            for key in names:
                waits = key.name.endswith(_NEXT_SUFFIX)
                state = "waits for its API key" if waits else "stored"
                _print(
                    {"profile": key.profile, "store": report.name, "state": state},
                    f"{key.profile}  {report.name}" + (f"  {state}" if waits else ""),
                    as_json,
                )
        if broken:
            raise KeystoreUnavailable("the list is not complete")

    def check(
        self,
        profile: Annotated[
            str | None,
            typer.Argument(
                metavar="PROFILE", help="The profile; without it, the stores."
            ),
        ] = None,
        vault: VaultOption = None,
        vault_passphrase_file: PassphraseFileOption = None,
        secret_directory: DirectoryOption = None,
        allow_environment: EnvironmentOption = False,
        local: Annotated[
            bool, typer.Option("--local", help="Do not ask the venue.")
        ] = False,
        as_json: JsonOption = False,
    ) -> None:
        """Find the key, sign with it, ask the venue about it."""
        config = self._config(
            profile, vault, vault_passphrase_file, secret_directory, allow_environment
        )
        if profile is None:
            _print_stores(config, as_json)
            return
        key = self._hooks.resolve(profile)
        located = _locate(key, config)
        signer = make_signer(located.credentials)
        signer.sign(b"check")
        found: dict[str, object] = {
            "profile": key.profile,
            "store": located.store,
            "kind": signer.kind.value,
            "api_key": signer.api_key.fingerprint,
        }
        if self._hooks.check_remote is not None and not local:
            found |= self._hooks.check_remote(profile)
        else:
            _say("the venue was not asked")
        _print(
            found,
            "\n".join(
                f"{name}: {value}" for name, value in found.items() if value != ""
            ),
            as_json,
        )

    def remove(
        self,
        profile: Profile,
        store: StoreOption = "auto",
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask back.")] = False,
        vault: VaultOption = None,
        vault_passphrase_file: PassphraseFileOption = None,
        as_json: JsonOption = False,
    ) -> None:
        """Remove the key of a profile from the store."""
        key = self._hooks.resolve(profile)
        keystore = open_keystore(
            self._config(profile, vault, vault_passphrase_file), store
        )
        if not yes:
            answer = self._hooks.ask(
                f"Remove {key} from {keystore.name}? Type yes", False
            )
            if answer != Secret("yes"):
                raise ConfigError("nothing removed")
        keystore.delete(key)
        _print(
            {"profile": key.profile, "store": keystore.name, "removed": True},
            f"removed {key.profile} from {keystore.name}",
            as_json,
        )
        _say("Next: delete the key at the venue as well, if it is no longer used")

    def _store_new(
        self,
        key: KeyName,
        keystore: KeyStore,
        source: KeySource,
        generate: KeyKind | None,
        finish: bool,
        as_json: bool,
    ) -> bool:
        """Store what *source* gives; False if the key still waits for its key id."""
        if generate is not None and (finish or source.file or source.stdin):
            raise ConfigError("--generate goes without --finish, --file, --stdin")
        if generate is not None:
            self._generate(key, keystore, generate, as_json)
            return False
        if finish:
            credentials = replace(
                keystore.load(_waiting(key)), api_key=source.api_key()
            )
        else:
            credentials = source.credentials()
        signer = make_signer(credentials)
        keystore.save(key, replace(credentials, kind=signer.kind))
        if finish:
            keystore.delete(_waiting(key))
        found = {
            "profile": key.profile,
            "store": keystore.name,
            "kind": signer.kind.value,
            "api_key": signer.api_key.fingerprint,
        }
        _print(found, "  ".join(found.values()), as_json)
        if source.file is not None:
            _say(f"Next: delete {source.file}, unless something else needs it")
        return True

    def _generate(
        self, key: KeyName, keystore: KeyStore, kind: KeyKind, as_json: bool
    ) -> None:
        """Make a pair and let it wait; an earlier one that waits is kept."""
        if kind is not KeyKind.ED25519:
            raise ConfigError("only ed25519 keys are generated")
        waiting = _waiting(key)
        try:
            private = keystore.load(waiting).secret
            public = public_pem(private)
            _say(
                f"{key} has a generated key already, which waits for its API key; "
                f"`connector keys remove {waiting}` removes it"
            )
        except KeyNotFound:
            private, public = generate_ed25519()
            keystore.save(
                waiting, Credentials(api_key=ApiKey(""), secret=private, kind=kind)
            )
        found = {"profile": key.profile, "store": keystore.name, "public_key": public}
        _print(found, public.rstrip("\n"), as_json)
        _say(
            f"The private key is in the {keystore.name}. Next: register the public key "
            "at the venue (trading allowed, withdrawing not, your IP address only), "
            f"then `connector keys add {key} --finish` (rotating: `keys rotate`)"
        )

    def _new_key(self, profile: str) -> KeyName:
        key = self._hooks.resolve(profile)
        if key.name.endswith(_NEXT_SUFFIX):
            raise ConfigError(f"names that end in {_NEXT_SUFFIX} are kept for rotation")
        return key

    def _config(
        self,
        profile: str | None,
        vault: Path | None,
        passphrase_file: Path | None,
        secret_directory: Path | None = None,
        allow_environment: bool = False,
    ) -> KeystoreConfig:
        """The base configuration with the options laid over it."""
        base = self._hooks.config(profile)
        config = replace(
            base,
            vault_path=vault or base.vault_path,
            secret_directory=secret_directory or base.secret_directory,
            allow_environment=allow_environment or base.allow_environment,
        )
        if passphrase_file is not None:
            return replace(
                config, vault_passphrase=passphrase_from_file(passphrase_file)
            )
        if config.vault_passphrase or passphrase_from_systemd(config):
            return config
        return replace(
            config, vault_passphrase=asked_once(self._hooks.ask, config.vault_file)
        )

    def _warn_if_shadowed(
        self, key: KeyName, keystore: KeyStore, config: KeystoreConfig
    ) -> None:
        """Say so if another store answers first for a key just added."""
        try:
            first = locate_credentials(key, config).store
        except CredentialsError:
            return
        if first != keystore.name:
            _say(f"warning: the {first} has {key} too, and is asked first")


def _print_stores(config: KeystoreConfig, as_json: bool) -> None:
    for report in survey(config):
        state = "usable" if report.store is not None else report.reason
        _print(
            {
                "store": report.name,
                "usable": report.store is not None,
                "reason": report.reason,
            },
            f"{report.name}: {state}",
            as_json,
        )


def _waiting(key: KeyName) -> KeyName:
    """Where a generated key waits for its API key."""
    return replace(key, name=f"{key.name}{_NEXT_SUFFIX}")


def _locate(key: KeyName, config: KeystoreConfig) -> Located:
    """Find a key; if only its successor is there, say what it waits for."""
    try:
        return locate_credentials(key, config)
    except KeyNotFound:
        try:
            locate_credentials(_waiting(key), config)
        except ConnectorError:
            pass
        else:
            raise KeyNotFound(
                f"the generated key of {key} waits for the API key of the venue. "
                f"Next: `connector keys add {key} --finish`"
            ) from None
        raise


def _exists(keystore: KeyStore, key: KeyName) -> bool:
    try:
        keystore.load(key)
    except KeyNotFound:
        return False
    except KeystoreUnavailable:
        raise
    except CredentialsError:  # it is there, but cannot be understood
        return True
    return True


def _print(fields: Mapping[str, object], text: str, as_json: bool) -> None:
    print(json.dumps(dict(fields), ensure_ascii=False) if as_json else text)


def _say(text: str) -> None:
    print(text, file=sys.stderr)
