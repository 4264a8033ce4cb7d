"""Tests of `connector bench`: it runs, and every number has a name."""

from __future__ import annotations

import json

import pytest

from connector.cli.main import run


def test_bench_measures_both_channels(capsys: pytest.CaptureFixture[str]) -> None:
    """Two orders on each channel, one line of JSON per number."""
    assert run(["bench", "--orders", "2", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for channel in ("websocket", "rest"):
        found = {row["what"]: row for row in rows if row["channel"] == channel}
        assert {"place", "cancel", "submit_to_sent", "sent_to_ack"} <= set(found)
        assert found["place"]["count"] == 2
        assert 0 < found["place"]["p50_ms"] <= found["place"]["max_ms"]
        assert found["sent_to_ack"]["count"] == 4
        assert {row["type"] for row in found.values()} == {"bench"}
