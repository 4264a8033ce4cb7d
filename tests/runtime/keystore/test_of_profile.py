"""Tests of connector.runtime.keystore.of_profile: whose key a profile trades with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from connector.config.profiles import Profile, resolve
from connector.errors import KeyNotFound, KeystoreUnavailable
from connector.model.credentials import ApiKey, Credentials, KeyName, Secret
from connector.runtime.keystore import KeyProvider, locate_credentials
from connector.runtime.keystore.of_profile import credentials_of, keystore_config

FILE = """
[paper.desk]
venue = "binance"
[paper.desk.keys]
api_key = "key-in-file"
api_secret = "secret-in-file"
use_os_keyring = false
"""


class Provider:
    """A source of keys as users write it."""

    def __init__(self, *given: str, fails: bool = False) -> None:
        self.asked: list[KeyName] = []
        self._given = given
        self._fails = fails

    def load(self, key: KeyName) -> Credentials | None:
        """The key, if it is one of those given."""
        self.asked.append(key)
        if self._fails:
            raise RuntimeError("canary-5ecret")
        if key.profile not in self._given:
            return None
        return Credentials(api_key=ApiKey("provided-key"), secret=Secret("provided"))


@pytest.fixture
def desk(tmp_path: Path) -> Profile:
    """A paper profile with its key in the file."""
    file = tmp_path / "profiles.toml"
    file.write_text(FILE)
    return resolve("paper:desk", file=file, environ={})


def test_a_paper_key_in_the_file_is_found_and_named(desk: Profile) -> None:
    """`keys check` sees what a session would use, and where it is from."""
    found = locate_credentials(desk.key_name, keystore_config(desk))

    assert found.credentials == desk.paper_credentials
    assert found.store == f"profile file ({desk.file})"
    assert credentials_of(desk) == desk.paper_credentials


def test_a_provider_is_asked_first(desk: Profile) -> None:
    """Before the file, and by the full name of the key."""
    provider = Provider(desk.key_name.profile)
    assert isinstance(provider, KeyProvider)

    found = credentials_of(desk, provider=provider)

    assert found.api_key == ApiKey("provided-key")
    assert provider.asked == [desk.key_name]


def test_a_provider_without_the_key_is_passed_over(desk: Profile) -> None:
    """None means: ask the next store."""
    assert credentials_of(desk, provider=Provider()) == desk.paper_credentials


def test_a_broken_provider_ends_the_search_unquoted(desk: Profile) -> None:
    """No other key is used instead, and the text of the failure is not shown."""
    with pytest.raises(KeystoreUnavailable, match="RuntimeError") as raised:
        credentials_of(desk, provider=Provider(fails=True))

    assert "canary" not in str(raised.value)


def test_the_file_gives_no_other_key(desk: Profile) -> None:
    """A key of another name is not there."""
    other = replace(desk.key_name, name="other")
    config = replace(keystore_config(desk), environ={}, vault_path=Path("/nowhere"))

    with pytest.raises(KeyNotFound, match="profile file"):
        locate_credentials(other, config)
