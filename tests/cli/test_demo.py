"""Tests of connector.cli.demo, story, story_check and narrator."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from connector.cli import demo
from connector.cli.exits import ExitCode
from connector.cli.narrator import Narrator
from connector.cli.output import Output
from connector.cli.story_check import Checked, Line
from connector.paper.server import PaperServer
from connector.venues.registry import venue_names
from tests.cli import frames
from tests.cli.conftest import Run


@pytest.mark.parametrize("venue", venue_names())
def test_every_number_is_the_ledgers(
    venue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report of the demo, number by number, against what the venue wrote."""
    import json

    async def tell() -> tuple[ExitCode, dict[str, Any]]:
        async with demo.stage(venue) as server:
            code = await demo.told(Narrator(Output(as_json=True)), server)
            return code, server.control.apply("state")

    code, ledger = asyncio.run(tell())
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    report, details = records[-1], records[-1]["details"]

    assert code is ExitCode.OK
    assert report["type"] == "report"
    assert {record["type"] for record in records} == {"step", "fact", "report"}
    written = {_identity(fill) for fill in ledger["fills"]}
    live = {
        _identity(record["event"]["fill"])
        for record in records
        if record.get("event", {}).get("type") == "fill"
        and not record["event"]["recovered"]
    }
    # fills that were not told live are the missed ones; all others are met again
    assert {_identity(f) for f in details["missed_fills"]} == written - live
    assert report["missed_fills"] == len(written) - len(live) == 1
    told_live = 4 if venue in {"deribit", "coinbase-derivatives"} else 2
    assert report["duplicates_dropped"] == len(live) == told_live
    # orders that no intent of the session made
    orders = ledger["orders"].values()
    foreign = [o for o in orders if o["client_order_id"].startswith("web_")]
    assert [o["client_order_id"] for o in details["external_orders"]] == [
        o["client_order_id"] for o in foreign
    ]
    assert report["external_orders"] == len(foreign) == 1
    # the order whose reply was lost is at the venue, once
    (resolved,) = details["in_doubt_resolved"]
    twins = [o for o in orders if o["client_order_id"] == resolved["client_order_id"]]
    assert report["in_doubt_resolved"] == len(twins) == 1
    assert twins[0]["status"] == resolved["status"] == "NEW"
    assert report["differences_left"] == 0
    assert all(line["is_equal"] for line in report["ledger"])
    for asset, amount in ledger["balances"].items():
        (wallet,) = (x for x in report["ledger"] if x["subject"] == f"wallet {asset}")
        assert wallet["local"] == amount


def _identity(fill: dict[str, Any]) -> tuple[str, str]:
    return fill["symbol"], fill["trade_id"]


def test_refusal_and_states_are_told(run: Run) -> None:
    """Plain text through a pipe: no colours, all stations, in time, exit 0."""
    ran = subprocess.run(
        [sys.executable, "-m", "connector", "demo"],
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )

    assert ran.returncode == 0
    assert "\x1b" not in ran.stdout
    stations = (
        "FILLED", "PARTIALLY_FILLED", "CANCELED", "margin mark", "cable", "STALE",
        "new exposure is refused", "IN_DOUBT", "learnt by reconciliation",
        "in sync with the venue", "Reconciled after disconnect",
        "1 missed fill, 1 external order", "1 doubt resolved", "0 differences left",
    )  # fmt: skip
    assert [station for station in stations if station not in ran.stdout] == []


def test_a_difference_ends_with_6(monkeypatch: pytest.MonkeyPatch) -> None:
    """What differs from the ledger is counted, and is not a success."""
    line = Line(subject="positions", local="BTCUSDT 1", venue="BTCUSDT 2")
    record = demo.report_record(frames.report(), Checked(lines=(line,)), 1.0)

    assert record["differences_left"] == 1
    assert "DIFFERS" in line.text

    async def run(story: Any, session: Any) -> Any:
        return frames.report(), Checked(lines=(line,))

    monkeypatch.setattr("connector.cli.story.Story.run", run)

    async def tell() -> ExitCode:
        server: PaperServer
        async with demo.stage("binance-usdm") as server:
            return await demo.told(Narrator(Output()), server)

    assert asyncio.run(tell()) is ExitCode.DIFFERENCES
