"""What `connector paper serve` tells to put into the profile file."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from connector.cli.paper import DEFAULT_SECRET, _advice
from connector.config.profiles import resolve
from connector.embedded import credentials_for
from connector.paper.faces.registry import face_names, kit_of


@pytest.mark.parametrize("venue", face_names())
def test_it_is_a_profile(venue: str, tmp_path: Path) -> None:
    """It can be pasted as it stands; a key that nobody could guess is in it whole."""
    names = ("rest", "stream", "public", "ws_api")
    links = {name: f"ws://127.0.0.1:1/{name}" for name in names}
    links |= {"venue": venue, "rest": "http://127.0.0.1:1"}
    told = _advice(links, "thekey", "a word")
    text = told[told.index("[paper.desk]") :]
    file = tmp_path / "profiles.toml"
    file.write_text(text)

    profile = resolve("paper:desk", file=file)

    assert profile.venue == venue
    secret = tomllib.loads(text)["paper"]["desk"]["keys"]["api_secret"]
    if kit_of(venue).secret_from("a word") == "a word":
        assert "--api-secret" in secret
    else:
        wanted = credentials_for(venue, "thekey", "a word").secret.reveal()
        assert secret == wanted


@pytest.mark.parametrize("venue", face_names())
def test_what_was_not_given_is_shown(venue: str, tmp_path: Path) -> None:
    """Pasted as it stands, the profile has the very key that the venue knows."""
    names = ("rest", "stream", "public", "ws_api")
    links = {name: f"ws://127.0.0.1:1/{name}" for name in names}
    links |= {"venue": venue, "rest": "http://127.0.0.1:1"}
    told = _advice(links, "thekey", DEFAULT_SECRET)

    keys = tomllib.loads(told[told.index("[paper.desk]") :])["paper"]["desk"]["keys"]

    kit = kit_of(venue)
    assert keys["api_secret"] == kit.secret_from(DEFAULT_SECRET)
    assert keys.get("passphrase", "") == (kit.passphrase or "")
    given = _advice(links, "thekey", "a word", "a phrase")
    assert "a phrase" not in given
