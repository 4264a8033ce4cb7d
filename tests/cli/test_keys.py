"""Tests of connector.cli.keys: every command, every way in, nothing shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keyring.backends.null
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from typer.testing import CliRunner, Result

from connector.cli.exits import ExitCode
from connector.cli.keys import KeysHooks, build_keys_app
from connector.errors import KeyRefused, MaybeSent
from connector.model.credentials import Credentials, KeyKind, KeyName, Secret
from connector.runtime.keystore import KeystoreConfig
from connector.runtime.keystore.document import encode
from connector.runtime.keystore.vault import Cost, Vault, VaultStore
from connector.venues.signing import make_signer
from tests.secrets.canary import Canary

CANARY = "canary-5ecret-7f3a9b1c"
PASSPHRASE = "canary-passphra5e-4d2e"
API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2"
SHOWN = "vmPU…aKE2"
OTHER_KEY = "abcdefghijklmnopqrstuvwxyz"


@dataclass
class Desk:
    """One user at one machine with a vault and no keyring."""

    directory: Path
    answers: list[str] = field(default_factory=list)
    questions: list[tuple[str, bool]] = field(default_factory=list)
    check_remote: Callable[[str], Mapping[str, object]] | None = None
    environ: dict[str, str] = field(default_factory=dict)
    words: list[str | None] = field(default_factory=list)

    @property
    def vault(self) -> Path:
        return self.directory / "vault"

    def ask(self, question: str, is_hidden: bool) -> Secret:
        self.questions.append((question, is_hidden))
        return Secret(self.answers.pop(0))

    def run(self, *arguments: str, given: str | None = None) -> Result:
        def config(word: str | None) -> KeystoreConfig:
            self.words.append(word)
            return KeystoreConfig(
                vault_path=self.vault,
                vault_passphrase=lambda: Secret(PASSPHRASE),
                environ=self.environ,
            )

        hooks = KeysHooks(ask=self.ask, config=config, check_remote=self.check_remote)
        result = CliRunner().invoke(build_keys_app(hooks), arguments, input=given)
        canary = Canary(CANARY, PASSPHRASE)
        canary.assert_text_clean(result.stdout + result.stderr, "the output")
        canary.assert_directory_clean(self.directory)
        if result.exception is not None:
            assert isinstance(result.exception, SystemExit), result.exception
        return result

    def add(self, profile: str = "live:binance") -> Result:
        given = f"{API_KEY}\n{CANARY}\n"
        return self.run("add", profile, "--stdin", "--store", "vault", given=given)

    def stored(self, profile: str = "live:binance") -> Credentials:
        vault = Vault(self.vault, lambda: Secret(PASSPHRASE))
        return VaultStore(vault).load(KeyName.of(profile))

    def rows(self, result: Result) -> list[dict[str, Any]]:
        assert result.exit_code == 0, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(
        keyring.core, "_keyring_backend", keyring.backends.null.Keyring()
    )
    monkeypatch.setattr(Vault.__init__, "__defaults__", (CHEAP,))
    return Desk(tmp_path)


CHEAP = Cost(memory_kib=64, iterations=1, lanes=1)


@pytest.fixture
def pem_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "key.pem"
    path.write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(PASSPHRASE.encode()),
        )
    )
    path.chmod(0o600)
    return path


def test_add_from_prompts(desk: Desk) -> None:
    """The API key is asked openly, the secret hidden; the kind is found out."""
    desk.answers = [API_KEY, CANARY]
    result = desk.run("add", "live:binance", "--store", "vault")
    assert result.stdout == f"live:binance  vault ({desk.vault})  hmac  {SHOWN}\n"
    assert [hidden for _, hidden in desk.questions] == [False, True]
    assert desk.stored().secret == Secret(CANARY)
    assert desk.stored().kind is KeyKind.HMAC


def test_add_with_a_venue_passphrase(desk: Desk) -> None:
    """OKX has a passphrase besides; it is asked hidden."""
    desk.answers = [API_KEY, CANARY, PASSPHRASE]
    desk.run("add", "live:okx", "--store", "vault", "--passphrase")
    assert desk.stored("live:okx").passphrase == Secret(PASSPHRASE)
    assert desk.questions[-1] == ("Passphrase", True)


def test_add_from_stdin(desk: Desk) -> None:
    """API key on the first line, the secret below."""
    assert desk.add().exit_code == 0
    assert desk.stored().secret == Secret(CANARY)
    assert not desk.questions


def test_add_a_document_from_stdin(desk: Desk) -> None:
    """A whole document, as JSON; the answer as JSON too."""
    document = {"api_key": API_KEY, "secret": CANARY, "passphrase": PASSPHRASE}
    result = desk.run(
        "add",
        "testnet:okx/hedge",
        "--stdin",
        "--store=vault",
        "--json",
        given=json.dumps(document),
    )
    assert desk.rows(result) == [
        {
            "profile": "testnet:okx/hedge",
            "store": f"vault ({desk.vault})",
            "kind": "hmac",
            "api_key": SHOWN,
        }
    ]
    assert desk.stored("testnet:okx/hedge").passphrase == Secret(PASSPHRASE)


def test_add_a_pem_file(desk: Desk, pem_file: Path) -> None:
    """An encrypted PEM asks for its passphrase and is checked before it is stored."""
    desk.answers = [API_KEY, PASSPHRASE]
    result = desk.run("add", "live:binance", "--file", str(pem_file), "--store=vault")
    assert "ed25519" in result.stdout
    assert f"delete {pem_file}" in result.stderr
    assert make_signer(desk.stored()).kind is KeyKind.ED25519
    desk.answers = [API_KEY, "wrong"]
    result = desk.run("add", "live:okx", "--file", str(pem_file), "--store=vault")
    assert (result.exit_code, "wrong passphrase" in result.stderr) == (
        ExitCode.KEYS,
        True,
    )


def test_add_a_document_file(desk: Desk, pem_file: Path) -> None:
    """A file may hold a whole document; --kind goes above what it says."""
    pem_file.write_text(json.dumps({"api_key": API_KEY, "secret": "ab" * 32}))
    result = desk.run(
        "add", "live:x", "--file", str(pem_file), "--kind", "ed25519", "--store=vault"
    )
    assert "ed25519" in result.stdout


def test_add_a_binary_key_file(desk: Desk, pem_file: Path) -> None:
    """DER files are taken as they are."""
    key = ed25519.Ed25519PrivateKey.generate()
    pem_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    desk.answers = [API_KEY]
    added = desk.run("add", "live:a", "--file", str(pem_file), "--store=vault")
    assert added.exit_code == 0, added.stderr
    assert make_signer(desk.stored("live:a")).sign(b"x") == key.sign(b"x")


def test_binary_standard_input_is_refused_unquoted(desk: Desk) -> None:
    """What is not text is refused without a decoding error that holds it."""
    result = CliRunner().invoke(
        build_keys_app(KeysHooks(config=lambda word: KeystoreConfig(environ={}))),
        [
            "add",
            "live:a",
            "--stdin",
            "--store=vault",
            "--vault",
            str(desk.vault),
            "--vault-passphrase-file",
            str(desk.directory / "none"),
        ],
        input=b"\xff" + CANARY.encode(),
    )
    assert result.exit_code == ExitCode.USAGE
    assert "not UTF-8" in result.stderr


def test_files_open_to_others_are_refused(desk: Desk, pem_file: Path) -> None:
    """A key that others can read is refused before it is used."""
    pem_file.chmod(0o644)
    desk.answers = [API_KEY]
    result = desk.run("add", "live:x", "--file", str(pem_file), "--store=vault")
    assert result.exit_code == ExitCode.KEYS
    assert "chmod 600" in result.stderr
    missing = desk.run("add", "live:x", "--file", f"{pem_file}x", "--store=vault")
    assert missing.exit_code == ExitCode.USAGE


def test_generate_keeps_the_private_half(desk: Desk) -> None:
    """Public half to stdout; --finish brings the API key and the pair together."""
    made = desk.run("add", "live:binance", "--generate", "ed25519", "--store=vault")
    public = serialization.load_pem_public_key(made.stdout.encode())
    assert isinstance(public, ed25519.Ed25519PublicKey)
    assert "register the public key" in made.stderr
    again = desk.run("generate", "live:binance", "--store=vault", "--json")
    assert desk.rows(again)[0]["public_key"].strip() == made.stdout.strip()
    assert "keys remove live:binance/default-next" in again.stderr
    assert "waits for its API key" in desk.run("list").stdout
    early = desk.run("check", "live:binance")
    assert early.exit_code == ExitCode.KEYS
    assert "keys add live:binance --finish" in early.stderr
    desk.answers = [API_KEY]
    done = desk.run("add", "live:binance", "--finish", "--store=vault")
    assert f"ed25519  {SHOWN}" in done.stdout
    public.verify(make_signer(desk.stored()).sign(b"x"), b"x")
    assert desk.rows(desk.run("list", "--json")) == [
        {
            "profile": "live:binance",
            "store": f"vault ({desk.vault})",
            "state": "stored",
        }
    ]


def test_rotation_by_generation_keeps_the_old_key_until_the_end(desk: Desk) -> None:
    """The running key works until its successor has its API key."""
    desk.add()
    desk.run("rotate", "live:binance", "--generate", "ed25519")
    assert desk.stored().secret == Secret(CANARY)
    done = desk.run(
        "rotate", "live:binance", "--finish", "--stdin", given=f"{OTHER_KEY}\n"
    )
    assert "replaced vmPU…aKE2" in done.stderr
    assert desk.stored().kind is KeyKind.ED25519
    assert desk.stored().api_key.fingerprint == "abcd…wxyz"


def test_rotation_by_input(desk: Desk) -> None:
    """A new key replaces the old one; a bad one does not."""
    missing = desk.run("rotate", "live:binance", "--stdin", "--store=vault", given="x")
    assert missing.exit_code == ExitCode.KEYS
    desk.add()
    bad = desk.run("rotate", "live:binance", "--stdin", given=f"{OTHER_KEY}\n\n")
    assert bad.exit_code == ExitCode.USAGE
    assert desk.stored().api_key.fingerprint == SHOWN
    good = desk.run("rotate", "live:binance", "--stdin", given=f"{OTHER_KEY}\nnew\n")
    assert good.exit_code == 0
    assert desk.stored().secret == Secret("new")


def test_an_existing_key_is_not_overwritten(desk: Desk) -> None:
    """`add` refuses and names `rotate`, even if the entry is damaged."""
    desk.add()
    again = desk.add()
    assert again.exit_code == ExitCode.USAGE
    assert "keys rotate live:binance" in again.stderr
    Vault(desk.vault, lambda: Secret(PASSPHRASE)).put(
        KeyName.of("live:okx").entry, Secret("damaged")
    )
    assert desk.add("live:okx").exit_code == ExitCode.USAGE


def test_list_and_remove(desk: Desk) -> None:
    """What was added is listed, and gone after removal was confirmed."""
    desk.add()
    desk.add("testnet:okx/b")
    listed = desk.run("list")
    assert listed.stdout.splitlines() == [
        f"live:binance  vault ({desk.vault})",
        f"testnet:okx/b  vault ({desk.vault})",
    ]
    desk.answers = ["no"]
    assert desk.run("remove", "live:binance").exit_code == ExitCode.USAGE
    desk.answers = ["yes"]
    assert desk.run("remove", "live:binance").exit_code == 0
    removed = desk.run("remove", "testnet:okx/b", "--yes", "--json")
    assert desk.rows(removed)[0]["removed"] is True
    assert desk.run("list").stdout == ""
    assert desk.run("remove", "live:binance", "--yes").exit_code == ExitCode.KEYS


def test_check_asks_store_and_venue(desk: Desk) -> None:
    """Local facts first, then what the venue says, one object."""
    desk.add()
    desk.check_remote = lambda profile: {"permissions": "trade", "asked": profile}
    found = desk.rows(desk.run("check", "live:binance", "--json"))
    assert found == [
        {
            "profile": "live:binance",
            "store": f"vault ({desk.vault})",
            "kind": "hmac",
            "api_key": SHOWN,
            "permissions": "trade",
            "asked": "live:binance",
        }
    ]
    assert desk.words == ["live:binance"] * 2
    local = desk.run("check", "live:binance", "--local")
    assert "permissions" not in local.stdout
    assert "the venue was not asked" in local.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyRefused("may withdraw"), ExitCode.KEYS),
        (MaybeSent("no answer"), ExitCode.IN_DOUBT),
    ],
)
def test_what_the_venue_refuses_is_an_exit_code(
    desk: Desk, error: Exception, code: int
) -> None:
    """The code tells whose fault it is; the reason is on stderr."""
    desk.add()

    def fail(profile: str) -> Mapping[str, object]:
        raise error

    desk.check_remote = fail
    result = desk.run("check", "live:binance")
    assert result.exit_code == code
    assert str(error) in result.stderr
    assert result.stdout == ""


def test_check_without_a_profile_shows_the_stores(desk: Desk) -> None:
    """Six stores in their order, each usable or with the reason why not."""
    rows = desk.rows(desk.run("check", "--json"))
    assert len(rows) == 6
    assert "null.Keyring is refused" in rows[3]["reason"]
    assert "OS keyring" in desk.run("check").stdout


def test_check_of_a_missing_key(desk: Desk) -> None:
    """Exit code 3, with the places that were looked at and the next command."""
    result = desk.run("check", "live:binance")
    assert result.exit_code == ExitCode.KEYS
    assert "Next: `connector keys add live:binance --store vault`" in result.stderr


def test_keys_in_files_and_environment_are_checked(desk: Desk, tmp_path: Path) -> None:
    """--secret-directory and --allow-environment widen the search."""
    desk.environ = {
        "CONNECTOR_LIVE_OKX_API_KEY": API_KEY,
        "CONNECTOR_LIVE_OKX_SECRET": CANARY,
    }
    assert desk.run("check", "live:okx").exit_code == ExitCode.KEYS
    found = desk.run("check", "live:okx", "--allow-environment")
    assert "store: environment variables" in found.stdout


def test_secret_directories_are_listed(
    desk: Desk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Mounted files show in the list, under their directory."""
    directory = tmp_path_factory.mktemp("mounted")
    desk.add()
    path = directory / KeyName.of("live:deribit").file_name
    path.write_text(encode(desk.stored()).reveal())
    path.chmod(0o400)
    missing = desk.run("list", "--secret-directory", str(directory / "none"))
    assert missing.exit_code == ExitCode.KEYS
    assert "No such file" in missing.stderr
    assert f"live:binance  vault ({desk.vault})" in missing.stdout
    listed = desk.run("list", "--secret-directory", str(directory))
    assert f"live:deribit  secret files ({directory})" in listed.stdout
    checked = desk.run("check", "live:deribit", "--secret-directory", str(directory))
    assert SHOWN in checked.stdout


def test_a_shadowed_key_is_told(
    desk: Desk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A store that is asked first may hold another key of the same name."""
    directory = tmp_path_factory.mktemp("systemd")
    desk.add("live:okx")
    path = directory / KeyName.of("live:binance").file_name
    path.write_text(encode(desk.stored("live:okx")).reveal())
    path.chmod(0o400)
    desk.environ = {"CREDENTIALS_DIRECTORY": str(directory)}
    assert "is asked first" in desk.add().stderr


USAGE = {
    "profile": ["add", "binance", "--stdin"],
    "store": ["add", "live:a", "--store", "cloud"],
    "reserved": ["add", "live:a/b-next", "--store", "vault"],
    "rsa": ["generate", "live:a", "--kind", "rsa", "--store", "vault"],
    "both": ["add", "live:a", "--generate", "ed25519", "--finish", "--store", "vault"],
    "no-input": ["add", "live:a", "--stdin", "--store", "vault"],
    "no-such-kind": ["add", "live:a", "--kind", "dsa"],
    "no-profile": ["add"],
    "no-command": ["frobnicate"],
}


@pytest.mark.parametrize("arguments", USAGE.values(), ids=USAGE)
def test_usage_errors(desk: Desk, arguments: list[str]) -> None:
    """Exit code 2, nothing on stdout, nothing stored."""
    result = desk.run(*arguments, given="")
    assert result.exit_code == ExitCode.USAGE
    assert result.stdout == ""
    assert not desk.vault.exists()


def test_a_missing_keyring_names_the_way_out(desk: Desk) -> None:
    """Without keyring and vault, `add` says how to go on, and exits with 3."""
    result = desk.run("add", "live:a", "--stdin", given=f"{API_KEY}\n{CANARY}\n")
    assert result.exit_code == ExitCode.KEYS
    assert "--store vault" in result.stderr
