"""Tests of classify: what each failure means for the thing that was asked."""

from __future__ import annotations

import json

import pytest

from connector.dialect.facts import SettingFact
from connector.dialect.wire import Verdict
from connector.model.account import MarginMode
from connector.model.ids import Symbol
from connector.model.limits import BucketScope

BTC = Symbol("BTCUSDT")

COMMANDS = [
    "place",
    "place_conditional",
    "place_batch",
    "amend",
    "cancel",
    "cancel_conditional",
    "cancel_batch",
    "cancel_all",
    "set_leverage",
    "set_margin_mode",
    "set_hedge_mode",
    "dead_man",
]


def errors(golden):
    return golden("rest_errors.jsonl")


@pytest.mark.parametrize(
    ("index", "op", "verdict"),
    [
        (0, "place", Verdict.NOT_EXECUTED),
        (1, "place", Verdict.NOT_EXECUTED),
        (2, "place", Verdict.REJECTED),
        (3, "place", Verdict.REJECTED),
        (4, "place", Verdict.REJECTED),
        (5, "place", Verdict.REJECTED),
        (6, "place", Verdict.DUPLICATE),
        (7, "place", Verdict.REJECTED),
        (8, "place", Verdict.REJECTED),
        (9, "place", Verdict.REJECTED),
        (10, "place", Verdict.NOT_EXECUTED),
        (11, "cancel", Verdict.NOT_OPEN),
        (11, "amend", Verdict.NOT_OPEN),
        (12, "query_order", Verdict.NOT_FOUND),
        (12, "query_conditional", Verdict.NOT_FOUND),
        (12, "cancel", Verdict.NOT_OPEN),
        (13, "place", Verdict.UNKNOWN),
        (13, "cancel", Verdict.UNKNOWN),
        (14, "place", Verdict.UNKNOWN),
        (14, "query_order", Verdict.NOT_EXECUTED),
        (15, "place", Verdict.NOT_EXECUTED),
        (16, "place", Verdict.UNKNOWN),
        (17, "place", Verdict.NOT_EXECUTED),
        (18, "place", Verdict.NOT_EXECUTED),
        (19, "place", Verdict.NOT_EXECUTED),
        (20, "place", Verdict.NOT_EXECUTED),
        (21, "place", Verdict.UNKNOWN),
        (22, "place", Verdict.UNKNOWN),
        (22, "cancel", Verdict.UNKNOWN),
        (22, "positions", Verdict.NOT_EXECUTED),
    ],
)
def test_recorded_failures(dialect, ask, answer, golden, index, op, verdict) -> None:
    """By status, code and text; UNKNOWN wherever it may have been executed."""
    row = errors(golden)[index]
    body = row["body"] if isinstance(row["body"], dict) else row["body"].encode()
    headers = row.get("headers", {})
    reply = dialect.read_answer(ask[op], answer(body, row["http"], **headers))
    assert verdict is reply.verdict
    assert reply.is_clock_error is (index in {0, 1, 10})
    assert reply.is_key_error is (index in {2, 3})
    assert (reply.throttle is not None) is (row["http"] in {418, 429})
    assert reply.is_counted is (index not in {15, 17})


def test_how_long_to_stop(dialect, ask, answer, golden) -> None:
    """As told by Retry-After or the text; the account's own limit stops the
    account, the others everything behind this address."""
    rows = errors(golden)
    limited = dialect.read_answer(
        ask["place"], answer(rows[18]["body"], 429, retry_after="7")
    ).throttle
    assert (limited.scope, limited.wait_ms) == (BucketScope.IP, 7000)
    assert not limited.is_ban
    orders = dialect.read_answer(ask["place"], answer(rows[19]["body"], 429)).throttle
    assert (orders.scope, orders.wait_ms) == (BucketScope.ACCOUNT, 10_000)
    ban = dialect.read_answer(ask["place"], answer(rows[20]["body"], 418)).throttle
    assert ban.is_ban
    assert (ban.until_ms, ban.wait_ms) == (1795341720000, None)
    both = dialect.read_answer(
        ask["place"], answer(rows[20]["body"], 418, retry_after="120")
    ).throttle
    assert (both.until_ms, both.wait_ms) == (1795341720000, 120_000)


@pytest.mark.parametrize("told", ["", "soon", "-1", "1e9", "9" * 40, "Wed, 21 Oct"])
def test_a_retry_after_that_is_no_number_falls_back(dialect, ask, answer, told) -> None:
    """One window of the limit, or the shortest ban."""
    reply = dialect.read_answer(ask["place"], answer(b"", 429, retry_after=told))
    assert reply.throttle.wait_ms == 60_000
    reply = dialect.read_answer(ask["place"], answer(b"", 418, retry_after=told))
    assert reply.throttle.wait_ms == 120_000


@pytest.mark.parametrize("op", COMMANDS)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"{}"),
        (200, b"null"),
        (200, b"[]"),
        (200, b'{"orderId":1'),
        (200, b'"ok"'),
        (200, b"<html>maintenance</html>"),
        (200, b"[" * 10_000),
        (204, b""),
        (302, b""),
        (400, b""),
        (400, b'{"code":-2010,"ms'),
        (403, b"<html>blocked</html>"),
        (408, b""),
        (500, b'{"code":-2010,"msg":"x"}'),
        (500, b""),
        (502, b"<html>"),
        (503, b'{"code":-1000,"msg":"Something else"}'),
        (503, b"<html>Service Unavailable</html>"),
        (504, b"\xff\xff"),
        (599, b"x" * 100_000),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_command_is_unknown_unless_the_venue_said_otherwise(
    dialect, ask, answer, op, status, body
) -> None:
    """No guess: a broken, foreign or gateway answer is never a refusal. A batch
    answered by an empty list is unknown in every entry."""
    reply = dialect.read_answer(ask[op], answer(body, status))
    if ask[op].context.get("count"):
        assert {item.verdict for item in reply.items} == {Verdict.UNKNOWN}
    else:
        assert reply.verdict is Verdict.UNKNOWN


def test_an_answer_about_another_order_is_unknown(dialect, ask, answer, golden) -> None:
    """A 2xx with somebody else's client id proves nothing about ours."""
    body = {**golden("rest_order_new_ack.json"), "clientOrderId": "other"}
    assert dialect.read_answer(ask["place"], answer(body)).verdict is Verdict.UNKNOWN


def test_an_error_inside_a_2xx_is_an_error(dialect, ask, answer) -> None:
    """The code decides, whatever the status line says."""
    body = {"code": -2019, "msg": "Margin is insufficient."}
    assert dialect.read_answer(ask["place"], answer(body)).verdict is Verdict.REJECTED


def test_a_list_with_a_broken_row_is_not_taken_for_complete(
    dialect, ask, answer, golden
) -> None:
    """An unreadable open order must not look like an absent one."""
    body = [*golden("rest_open_orders.json"), {"orderId": 1}]
    reply = dialect.read_answer(ask["open_orders"], answer(body))
    assert (reply.verdict, reply.facts) == (Verdict.NOT_EXECUTED, ())


@pytest.mark.parametrize(
    ("op", "code", "fact"),
    [
        (
            "set_margin_mode",
            -4046,
            SettingFact(symbol=BTC, margin_mode=MarginMode.ISOLATED),
        ),
        ("set_hedge_mode", -4059, SettingFact(is_hedge_mode=True)),
    ],
)
def test_no_need_to_change_is_success(dialect, ask, answer, op, code, fact) -> None:
    """It is so already, and told as a fact."""
    reply = dialect.read_answer(ask[op], answer({"code": code, "msg": "No need"}, 400))
    assert (reply.verdict, reply.facts) == (Verdict.UNCHANGED, (fact,))


def test_a_code_added_tomorrow_is_a_refusal(dialect, ask, answer) -> None:
    """4xx with a code did not happen."""
    reply = dialect.read_answer(ask["place"], answer({"code": -4999, "msg": "no"}, 400))
    assert reply.verdict is Verdict.REJECTED


@pytest.mark.parametrize(
    ("data", "until_ms"),
    [
        ({"serverTime": 1795341600000, "retryAfter": 1795341607000}, 1795341607000),
        ({"retryAfter": "soon"}, None),
        ({"retryAfter": -1}, None),
        ({"retryAfter": True}, None),
        ([1], None),
        (None, None),
    ],
)
def test_a_frame_says_when_to_go_on(dialect, ask, data, until_ms) -> None:
    """The WebSocket API has no Retry-After header: the error carries it."""
    error = {"code": -1003, "msg": "Too much request weight used", "data": data}
    raw = json.dumps({"id": "1", "status": 429, "error": error}).encode()
    reply = dialect.read_frame_reply(ask["place"], raw)
    assert reply.verdict is Verdict.NOT_EXECUTED
    assert reply.throttle.until_ms == until_ms
    assert (reply.throttle.wait_ms is None) is (until_ms is not None)
