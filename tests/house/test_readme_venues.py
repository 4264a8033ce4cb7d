"""The table of venues in the README is what the dialects say."""

from __future__ import annotations

from pathlib import Path

from connector.dialect import Capability
from connector.venues.registry import dialect_for, venue_names
from connector.venues.table import table

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_promises_what_the_dialects_do() -> None:
    """Change a dialect, then: python -m connector.venues.table"""
    section = README.read_text().partition("## Venues\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    assert rows == table().splitlines()


def test_every_venue_and_capability_has_its_cell() -> None:
    """Nothing is left out; the dead-man switch is told with its kind."""
    head, _, *rows = table().splitlines()
    assert all(f"`{name}`" in head for name in venue_names())
    first = [row.split("|")[1].strip() for row in rows]
    wanted = [c.value.replace("_", " ") for c in Capability]
    wanted.remove("dead-man timer")
    assert first[: len(wanted)] == wanted
    assert len({row.count("|") for row in rows}) == 1


def test_a_capability_that_is_absent_is_not_promised() -> None:
    """A cell says no exactly where the dialect would refuse."""
    names = venue_names()
    for row in table().splitlines()[2:]:
        name, *cells = (cell.strip() for cell in row.strip("|").split("|"))
        capability = next(
            (c for c in Capability if c.value.replace("_", " ") == name), None
        )
        if capability is None:
            continue
        for venue, cell in zip(names, cells, strict=True):
            has_it = capability in dialect_for(venue).facts.capabilities
            # Without a call for it, cancel-all lists and cancels each.
            without = "one by one" if name == "cancel all" else "no"
            assert (cell != without) == has_it, (venue, name)
