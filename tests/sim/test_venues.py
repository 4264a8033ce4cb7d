"""Worlds play every venue that is registered."""

from __future__ import annotations

import pytest

from connector.paper.faces import Face
from connector.paper.faces.registry import playbook_of
from connector.paper.venue import paper_server
from connector.sim.draw import Draw, venue_names
from connector.venues import registry


def _face(venue: str) -> Face:
    return paper_server(venue, now_ms=lambda: 1_795_341_600_000).faces[0]


def test_every_registered_venue_has_worlds() -> None:
    """Law: a dialect comes with a face and a playbook, so that it can be hunted."""
    assert registry.venue_names() == venue_names()


@pytest.mark.parametrize("venue", venue_names())
def test_a_playbook_speaks_of_what_exists(venue: str) -> None:
    """Its markets trade, its presets are known, its verbs do something."""
    face, book = _face(venue), playbook_of(venue)
    for symbol, market in book.markets.items():
        assert face.engine.is_trading(symbol)
        assert market.lot > 0
        assert market.tick > 0
    drawn = set(book.not_executed) | set(book.executed)
    assert drawn.isdisjoint(book.undrawn)
    assert drawn | set(book.undrawn) == set(face.presets)
    assert all(book.undrawn.values())
    now_ms = face.engine.now_ms
    assert face.command("exceedances", {}, now_ms) == {"exceedances": []}
    assert face.command("read_lag", {"ms": 0}, now_ms) == {}
    for verb in book.key_faults:
        face.command(verb, {}, now_ms)
    for verb, args in book.own_faults:
        face.command(verb, args, now_ms)


def test_worlds_of_a_venue_do_not_depend_on_the_others() -> None:
    """A venue that registers later does not change the worlds of those before."""
    venue = venue_names()[0]
    for seed in range(20):
        drawn = Draw.of_seed(seed)
        if drawn.venue == venue:
            assert drawn == Draw.of_seed(seed, venue)
