"""The desk: a machine fed by hand against a venue of a few lines."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _load(name: str) -> ModuleType:
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"core_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_tiny = _load("tiny")
_load("nouns")
_story = _load("story")
_families = _load("families")


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """The dialect and the book of a tiny venue."""
    return _tiny


@pytest.fixture(scope="session")
def story() -> ModuleType:
    """Builders of desks, replies and nouns."""
    return _story


@pytest.fixture
def make_desk() -> Callable[..., Any]:
    """A desk that is not open yet."""
    return _story.Desk


@pytest.fixture
def desk() -> Any:
    """A desk that is live, with nothing open."""
    return _story.Desk().open()


@pytest.fixture(params=_families.FAMILIES, ids=str)
def trader(request: pytest.FixtureRequest) -> Any:
    """A trader on a live desk, once for every family of venue."""
    return _families.Trader(request.param)
