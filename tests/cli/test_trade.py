"""Tests of connector.cli.trade, read and paper: a day at a served venue."""

from __future__ import annotations

import hashlib
import hmac
import json
from urllib.parse import parse_qsl

from tests.cli.conftest import API_KEY, API_SECRET, Desk, Run


def test_serve_announces_its_addresses(desk: Desk) -> None:
    """One JSON line that other programs rely on; SIGTERM ends it with 0 (fixture)."""
    assert list(desk.links) == [
        "venue",
        "rest",
        "stream",
        "public",
        "ws_api",
        "control",
    ]
    assert desk.links["venue"] == "binance-usdm"
    assert desk.control("state")["balances"] == {"USDT": "100000"}


def test_a_day(run: Run, desk: Desk) -> None:
    """What one command does, the next one sees, and the venue's ledger agrees."""
    bought = run("place", "buy", "BTCUSDT", "--qty", "0.02", "--wait", "5", "--json",
                 *desk.options).records[0]  # fmt: skip
    rests = run("place", "BTCUSDT", "sell", "--qty", "0.01", "--limit", "61000",
                "--json", *desk.options).records[0]  # fmt: skip
    orders = run("orders", "--json", *desk.options).records
    fills = run("fills", "--json", *desk.options).records
    positions = run("positions", "--json", *desk.options).records

    ledger = desk.control("state")
    assert bought["status"] == "FILLED"
    assert (rests["outcome"], rests["status"]) == ("accepted", "NEW")
    assert [o["client_order_id"] for o in orders] == [rests["client_order_id"]]
    assert [f["trade_id"] for f in fills] == [f["trade_id"] for f in ledger["fills"]]
    assert [p["qty"] for p in positions] == ["0.020"]
    assert ledger["positions"] == {"BTCUSDT:BOTH": "0.02"}


def test_amend_and_cancel(run: Run, desk: Desk) -> None:
    """By client id and by venue id; a second cancel comes too late."""
    placed = run("place", "buy", "BTCUSDT", "--qty", "0.01", "--limit", "59000",
                 "--json", *desk.options).records[0]  # fmt: skip
    amended = run("amend", placed["client_order_id"], "--limit", "59001", "--json",
                  *desk.options)  # fmt: skip
    cancelled = run("cancel", placed["venue_order_id"], "--json", *desk.options)
    again = run("cancel", placed["client_order_id"], *desk.options)
    nothing = run("cancel-all", *desk.options)

    assert (amended.code, cancelled.code, again.code, nothing.code) == (0, 0, 2, 0)
    assert amended.records[0]["order"]["price"] == "59001.00"
    assert cancelled.records[0]["status"] == "CANCELED"
    assert "no open order" in again.err
    assert "nothing to cancel" in nothing.err


def test_cancel_all(run: Run, desk: Desk) -> None:
    """Every order, also those entered elsewhere; one record each."""
    desk.control("manual", symbol="ETHUSDT", side="SELL", qty="0.1", price="3050")
    run("place", "buy", "BTCUSDT", "--qty", "0.01", "--limit", "59000", *desk.options)

    ran = run("cancel-all", "--json", *desk.options)

    assert ran.code == 0
    assert sorted(r["order"]["symbol"] for r in ran.records) == ["BTCUSDT", "ETHUSDT"]
    assert {r["order"]["status"] for r in ran.records} == {"CANCELED"}


def test_cancel_all_of_a_kind(run: Run, desk: Desk) -> None:
    """Only what is of that kind; a word for none is a usage error."""
    run("place", "buy", "BTCUSDT", "--qty", "0.01", "--limit", "59000", *desk.options)

    options = run("cancel-all", "--kind", "option", *desk.options)
    wrong = run("cancel-all", "--kind", "swaption", *desk.options)
    perpetuals = run("cancel-all", "--kind", "perpetual", "--json", *desk.options)

    assert (options.code, wrong.code, perpetuals.code) == (0, 2, 0)
    assert "nothing to cancel" in options.err
    assert "perpetual, future, option, spot" in wrong.err
    assert [r["order"]["status"] for r in perpetuals.records] == ["CANCELED"]


def test_how_far_a_trailing_stop_stays_behind(run: Run, desk: Desk) -> None:
    """A distance where the venue takes percent: refused, with what to give."""
    ran = run("place", "sell", "BTCUSDT", "--qty", "0.01", "--trailing-offset", "500",
              *desk.options)  # fmt: skip
    assert ran.code == 2
    assert "trailing, in percent" in ran.err


def test_dry_run_is_the_exact_request(run: Run, desk: Desk) -> None:
    """Signed at the time given, key hidden, nothing sent."""
    ran = run(
        "place", "buy", "BTCUSDT", "--qty", "0.01", "--limit", "59000", "--dry-run",
        "--at", "1700000000000", "--json", *desk.options,
    )  # fmt: skip

    (shown,) = ran.records
    payload, _, signature = shown["body"].rpartition("&signature=")
    expected = hmac.new(API_SECRET.encode(), payload.encode(), hashlib.sha256)
    assert ran.code == 0
    assert signature == expected.hexdigest()
    assert dict(parse_qsl(payload))["timestamp"] == "1700000000000"
    assert dict(parse_qsl(payload))["newClientOrderId"] == shown["client_order_id"]
    assert shown["url"].startswith(desk.links["rest"])
    assert desk.control("state")["orders"] == {}
    assert "nothing was sent" in ran.err
    assert API_KEY not in ran.out + ran.err
    assert API_SECRET not in ran.out + ran.err


def test_reconcile_tells_what_happened_since(run: Run, desk: Desk) -> None:
    """The second run reports the order that was entered in between."""
    first = run("reconcile", "--json", *desk.options)
    desk.control("manual", symbol="BTCUSDT", side="BUY", qty="0.003")
    second = run("reconcile", "--json", *desk.options)

    assert (first.code, second.code) == (0, 0)
    missed = [fill for record in second.records for fill in record["missed_fills"]]
    assert [fill["qty"] for fill in missed] == ["0.003"]


def test_tables_go_through_a_pipe(run: Run, desk: Desk) -> None:
    """Plain aligned columns without escape sequences, nothing cut."""
    placed = run("place", "buy", "BTCUSDT", "--qty", "0.01", "--limit", "59000",
                 "--json", *desk.options)  # fmt: skip
    ran = run("orders", *desk.options)

    head, row = ran.out.splitlines()
    assert head.split()[:3] == ["STATUS", "SIDE", "SYMBOL"]
    assert row.endswith(placed.records[0]["client_order_id"])
    assert "\x1b" not in ran.out


def test_check_asks_the_venue(run: Run) -> None:
    """``keys check`` of a profile whose venue is embedded opens a session."""
    from connector.cli.keys_mount import check_remote, key_of

    found = check_remote("paper:binance")

    assert found["venue"] == "accepts the key"
    assert key_of("live:binance").profile == "live:binance-usdm"
    assert key_of("connector:binance:live:x").name == "x"
    json.dumps(dict(found))


def test_an_instrument_that_does_not_exist_is_a_usage_error(
    run: Run, desk: Desk
) -> None:
    """Exit code 2 and names that do exist, from every command, with nothing sent."""
    words = ("--qty", "0.01", "--limit", "59000")
    for line in (
        ("orders", "-s", "BTCUSD"),
        ("fills", "-s", "BTCUSD"),
        ("cancel-all", "BTCUSD"),
        ("place", "buy", "BTCUSD", *words),
        ("place", "buy", "BTCUSD", *words, "--dry-run"),
    ):
        ran = run(*line, *desk.options)
        assert (ran.code, "BTCUSDT" in ran.err) == (2, True), line


def test_attached_exits(run: Run, desk: Desk) -> None:
    """They go with the order where the venue takes them; else nothing is sent."""
    words = ("place", "buy", "BTCUSDT", "--qty", "0.01", "--limit", "59000")
    exits = ("--attach-take-profit", "62000", "--attach-stop-loss", "58000")

    refused = run(*words, *exits, *desk.options)
    shown = run(*words, *exits, "--dry-run", "--json", "--profile", "paper:bybit")

    assert refused.code == 2
    assert "attached take-profit" in refused.err
    body = json.loads(shown.records[0]["body"])
    assert (body["takeProfit"], body["stopLoss"]) == ("62000", "58000")
