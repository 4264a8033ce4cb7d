"""The house: every module says what it is for."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import connector

ROOT = Path(connector.__file__).parent
TREE = Path(__file__).parents[2]
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_it_is_for(module: str) -> None:
    """Law: a module begins with its subject, in a sentence."""
    tree = ast.parse((ROOT / module).read_text())
    first = (ast.get_docstring(tree) or "").partition("\n")[0]
    assert len(first.split()) >= 2, module


LINES_MAX = 500
EVERYWHERE = [
    path.relative_to(TREE).as_posix()
    for room in ("connector", "tests", "examples")
    for path in sorted((TREE / room).rglob("*.py"))
]


@pytest.mark.parametrize("module", EVERYWHERE)
def test_a_module_fits_in_one_head(module: str) -> None:
    """Law: what is longer has a second subject, which wants a file of its own."""
    assert len((TREE / module).read_text().splitlines()) <= LINES_MAX


def test_sim_names_no_venue_at_all() -> None:
    """Law: what a world must know of a venue stands beside its face."""
    for path in (ROOT / "sim").rglob("*.py"):
        text = path.read_text().lower()
        for word in ("binance", "bybit", "okx", "deribit"):
            assert word not in text, path.name
