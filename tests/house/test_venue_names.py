"""Nothing outside the rooms of the venues knows one of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import connector
from connector.config.venues import VENUES
from connector.paper.faces.registry import face_names

ROOT = Path(connector.__file__).parent
OWN_ROOMS = ("venues/", "paper/faces/")
WORDS_OF_USERS = frozenset(("config/venues.py", "config/defaults.py"))
NAMES = frozenset(
    word.partition("-")[0]
    for venue, known in VENUES.items()
    for word in (venue, *known.aliases)
) | {"binance", "bybit", "okx", "deribit"}


def modules() -> list[str]:
    """Every module that must not know a venue."""
    paths = (path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))
    return sorted(
        path
        for path in paths
        if not path.startswith(OWN_ROOMS) and path not in WORDS_OF_USERS
    )


def words_of(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Names, module names and texts of the code; docstrings are for people."""
    told = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in told:
                yield node.lineno, text
            case ast.Name(id=text) | ast.Attribute(attr=text) | ast.arg(arg=text):
                yield node.lineno, text
            case ast.FunctionDef(name=text) | ast.ClassDef(name=text):
                yield node.lineno, text
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=module, names=names):
                yield node.lineno, module or ""
                yield from ((node.lineno, alias.name) for alias in names)


@pytest.mark.parametrize("path", modules())
def test_no_code_outside_its_rooms_names_a_venue(path: str) -> None:
    """A venue is one folder, one face, golden files and one line in each registry;
    everything else works with what the seam says. (What users may type stands in
    the two modules of the configuration.)"""
    tree = ast.parse((ROOT / path).read_text())
    found = [
        (line, text[:60])
        for line, text in words_of(tree)
        if any(name in text.lower() for name in NAMES)
    ]
    assert found == []


def test_a_name_is_found() -> None:
    """The search above sees imports, names and texts, and leaves docstrings alone."""
    seen = [text for _, text in words_of(ast.parse('"""okx"""\nimport a.okx\nb = "x"'))]
    assert sorted(seen) == ["a.okx", "b", "x"]


def test_every_registered_venue_can_be_simulated() -> None:
    """A venue without a face could not be tried out without an account."""
    assert set(VENUES) <= set(face_names())
