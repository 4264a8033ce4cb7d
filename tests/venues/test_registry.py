"""Tests of connector.venues.registry."""

from __future__ import annotations

import inspect
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from connector.config.venues import VENUES
from connector.dialect import Dialect
from connector.errors import ConfigError
from connector.venues.registry import dialect_for, venue_names, venue_of


@pytest.mark.parametrize("name", ["binance", "binance-usdm"])
def test_a_name_and_its_alias_give_the_same_venue(name: str) -> None:
    """One venue, however it is called."""
    assert venue_of(name) == "binance-usdm"
    assert dialect_for(name).facts.name == "binance-usdm"


def test_every_listed_venue_has_a_dialect_of_that_name() -> None:
    """A registry line that cannot be loaded is a broken promise."""
    for name in venue_names():
        assert dialect_for(name).facts.name == name


@pytest.mark.parametrize("venue", venue_names())
def test_every_dialect_says_all_that_the_seam_asks(venue: str) -> None:
    """Dialects are found by name, so no type checker compares them with the seam:
    each has every member, and takes the same arguments."""
    dialect = dialect_for(venue)
    for name, member in vars(Dialect).items():
        if name.startswith("_"):
            continue
        mine = getattr(dialect, name)
        if callable(member):
            wanted = list(inspect.signature(member).parameters)[1:]
            given = list(inspect.signature(mine).parameters.values())
            assert [item.name for item in given[: len(wanted)]] == wanted, name
            assert all(p.default is not p.empty for p in given[len(wanted) :]), name


@pytest.mark.parametrize("name", ["", "kraken", "Binance", "x" * 500])
def test_an_unknown_venue_is_refused_with_what_exists(name: str) -> None:
    """The error lists every venue and shortcut, and stays short."""
    with pytest.raises(ConfigError) as caught:
        dialect_for(name)
    text = str(caught.value)
    assert all(known in text for known in venue_names())
    assert "binance-usdm or binance" in text
    assert len(text) < 400


def test_venues_are_imported_when_asked_for() -> None:
    """Asking for the names loads no venue package."""
    code = (
        "import sys, connector.venues.registry as r; r.venue_names();"
        "print([m for m in sys.modules if m.startswith('connector.venues.b')])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_the_configuration_knows_the_same_venues() -> None:
    """Profiles name exactly the venues that have a dialect, and the hosts that
    the dialects publish are the ones that profiles call live or testnet."""
    assert set(VENUES) == set(venue_names())
    for name, known in VENUES.items():
        for environment, hosts in (
            ("live", known.live_hosts),
            ("testnet", known.testnet_hosts),
        ):
            endpoints = dialect_for(name).endpoints(environment)
            urls = endpoints.urls() if endpoints else ()
            published = {urlsplit(url).hostname for url in urls} - known.shared_hosts
            # There may be more of them: other regions, demo accounts.
            assert published <= hosts
            assert bool(published) is bool(hosts)
        assert not known.live_hosts & known.testnet_hosts
