"""Modules shared by these tests, loaded by path, and how to play a world."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from connector.sim.world import Result, World, WorldConfig, run_world

sys.path.insert(0, str(Path(__file__).parent))  # deribit_desk

SCENARIO = Path(__file__).with_name("scenario.py")


@pytest.fixture(scope="session")
def scenario_path() -> Path:
    return SCENARIO


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"sim_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def scenario() -> ModuleType:
    return _load(SCENARIO)


@pytest.fixture(scope="session")
def ends() -> ModuleType:
    return _load(SCENARIO.with_name("ends.py"))


@pytest.fixture
def play() -> Callable[..., Any]:
    """Run a world to its value; background errors fail the test."""

    def run(main: Callable[[World], Any], seed: int = 1, **options: Any) -> Any:
        config = WorldConfig(**options) if options else None
        result: Result[Any] = run_world(main, seed, config=config)
        value = result.unwrap()
        assert result.errors == ()
        return value

    return run
