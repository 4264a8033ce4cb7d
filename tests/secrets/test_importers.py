"""Who may touch secrets: kept by reading the source of the whole package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import connector

PACKAGE = Path(connector.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Top-level names of the packages a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def importers(package: str) -> set[str]:
    return {
        path.relative_to(PACKAGE).as_posix()
        for path in FILES
        if package in imported(path)
    }


def test_keyring_has_one_importer() -> None:
    """Foreign backends are met in one file only."""
    assert importers("keyring") == {"runtime/keystore/os_keyring.py"}


def test_cryptography_has_few_importers() -> None:
    """Our own keys: signing and vault; the paper venue checks signatures itself."""
    found = {name for name in importers("cryptography") if not name.startswith("paper")}
    assert found == {"runtime/keystore/vault.py", "venues/signing.py"}


@pytest.mark.parametrize("package", ["core", "dialect", "sim", "config"])
def test_the_machine_never_reveals(package: str) -> None:
    """Law 9: core state holds secrets closed; only venues and the shell open them."""
    for path in FILES:
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith((f"{package}/", f"{package}.py")):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                assert node.attr != "reveal", f"{name}:{node.lineno} reveals a secret"


def test_no_file_pickles_or_asks_for_secrets_in_arguments() -> None:
    """No pickle in the package, and no option that would take a secret.

    `connector paper` may: its accounts are simulated, so are their keys.
    """
    assert importers("pickle") == set()
    for path in (PACKAGE / "cli").rglob("*.py"):
        if path.name == "paper.py":
            continue
        for option in ('--secret"', "--api-secret", "--private-key", "--password"):
            assert option not in path.read_text(), f"{path.name}: {option}"
