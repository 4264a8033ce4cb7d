"""A simulated venue that is started again, and a journal that remembers the first."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connector.paper.rules import EngineRules
from connector.paper.venue import ids_from
from tests.cli.conftest import API_KEY, API_SECRET, Run, profile_text


@contextmanager
def served() -> Iterator[dict[str, str]]:
    """A venue with a life of its own; yields its addresses."""
    words = ["paper", "serve", "binance-usdm", "--json"]
    words += ["--api-key", API_KEY, "--api-secret", API_SECRET]
    with subprocess.Popen(
        [sys.executable, "-m", "connector", *words], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        try:
            yield json.loads(server.stdout.readline())
        finally:
            server.terminate()


def test_ids_of_the_first_life_are_not_given_again(run: Run, tmp_path: Path) -> None:
    """Else a new order would be taken for an old one, and its fill for a duplicate."""
    file = tmp_path / "profiles.toml"
    told = []
    for _ in range(2):
        with served() as links:
            file.write_text(profile_text(links))
            ran = run(
                "place", "buy", "BTCUSDT", "--qty", "0.01", "--json",
                "--profile", "paper:desk", "--profiles", str(file),
            )  # fmt: skip
            told += ran.records

    assert [record["status"] for record in told] == ["FILLED", "FILLED"]
    assert told[0]["venue_order_id"] != told[1]["venue_order_id"]


def test_ids_go_on_within_a_second() -> None:
    """A venue that is started again at once is beyond the ids of the one before."""
    rules = EngineRules()
    first, second = (ids_from(rules, 1_795_628_749_000 + ms) for ms in (0, 400))
    assert second.first_order_id - first.first_order_id == 400
    assert second.first_trade_id - first.first_trade_id == 400
