"""What worlds leave behind is buried before the next test begins."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator

import pytest

_WITH_WORLDS = frozenset(
    ("test_worlds", "test_laws", "test_mutants", "test_seeds", "test_rehearsal")
)


@pytest.fixture(autouse=True)
def _bury_worlds(request: pytest.FixtureRequest) -> Iterator[None]:
    """A killed process leaves coroutines that nobody awaits and sockets that nobody
    closes. That is what being killed means; it must not fail a later test."""
    yield
    if request.module.__name__.rpartition(".")[2] in _WITH_WORLDS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()
