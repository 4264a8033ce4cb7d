"""Golden frames into facts; nothing is raised for what the venue sends."""

from __future__ import annotations

import json
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from okx_nouns import BTC, DIALECT, golden, raw

from connector.dialect.facts import (
    AccountFact,
    BalanceFact,
    ControlFact,
    ControlKind,
    Fact,
    FillFact,
    LedgerFact,
    OrderFact,
    PositionFact,
    RiskFact,
    UnknownFact,
)
from connector.model.account import LedgerKind, MarginMode
from connector.model.order import OrderStatus, Origin, PositionSide

ORDERS = {row["case"]: row["msg"] for row in golden("ws_orders")["frames"]}


def read(body: object) -> tuple[Fact, ...]:
    """Facts of one frame."""
    return DIALECT.read_frame(raw(body))


def row_of(case: str) -> dict[str, Any]:
    """The only row of a frame, to be changed."""
    return json.loads(json.dumps(ORDERS[case]))


def order_in(case: str) -> OrderFact:
    """The state that the frame tells."""
    fact = read(ORDERS[case])[0]
    assert isinstance(fact, OrderFact)
    return fact


def test_an_order_with_its_execution() -> None:
    """State first, then the fill; the fee turns its sign."""
    fact, fill = read(ORDERS["partial fill"])
    assert isinstance(fact, OrderFact)
    assert isinstance(fill, FillFact)
    assert (fact.status, fact.filled_qty) == (OrderStatus.PARTIALLY_FILLED, D("0.8"))
    assert (fill.qty, fill.fee, fill.position_side) == (
        D("0.8"),
        D("0.152"),
        PositionSide.NET,
    )
    assert fill.venue_order_id == fact.venue_order_id


@pytest.mark.parametrize(
    ("case", "status", "reason"),
    [
        ("live", OrderStatus.NEW, ""),
        ("cancelled after partial fill", OrderStatus.CANCELED, ""),
        ("post-only would take", OrderStatus.EXPIRED, "post-only would take"),
        ("self-trade prevention", OrderStatus.EXPIRED, "self-trade prevention"),
        ("system shrank a reduce-only order", OrderStatus.NEW, ""),
    ],
)
def test_states(case: str, status: OrderStatus, reason: str) -> None:
    """There is no rejected state; the cancel source says what happened."""
    fact = order_in(case)
    assert (fact.status, fact.reason) == (status, reason)


def test_amends_echo_their_id() -> None:
    """Both outcomes of an amend are marked as such."""
    ok, failed = (
        order_in("amend ok"),
        order_in("amend failed after a successful ack, cxlOnFail=false"),
    )
    assert (ok.is_amend, ok.amend_id) == (True, "am1")
    assert (failed.is_amend, failed.amend_id) == (True, "am2")


def test_forced_executions_count_from_rest_only() -> None:
    """Their trade ids differ between channel and `fills`: one of the two is enough."""
    (fact,) = read(ORDERS["forced liquidation: order you never sent"])
    assert isinstance(fact, OrderFact)
    assert (fact.origin, fact.client_order_id) == (Origin.LIQUIDATION, None)
    assert fact.filled_qty == D("0.8")


def test_what_a_conditional_order_became() -> None:
    """The waiting order is named first, so that its executions find it."""
    frame = row_of("partial fill")
    frame["data"][0] |= {"algoId": "18", "algoClOrdId": "gold0020", "clOrdId": ""}
    became, fact, fill = read(frame)
    assert isinstance(became, OrderFact)
    assert isinstance(fact, OrderFact)
    assert isinstance(fill, FillFact)
    assert (became.is_conditional, became.venue_order_id, became.client_order_id) == (
        True,
        "18",
        "gold0020",
    )
    assert became.triggered_order_id == fact.venue_order_id == fill.venue_order_id
    assert fact.order_type is None


def test_other_kinds_of_instrument_are_told_not_merged() -> None:
    """A spot order is no gap and no order of ours."""
    frame = row_of("live")
    frame["data"][0]["instType"] = "SPOT"
    (fact,) = read(frame)
    assert isinstance(fact, UnknownFact)
    assert (fact.kind, fact.is_gap) == ("orders SPOT", False)


def test_positions_and_balances() -> None:
    """Absolute, ordered by the venue's own time."""
    frames = [row["msg"] for row in golden("ws_positions")["frames"]]
    assert read(frames[0]) == ()
    (position,) = read(frames[1])
    assert isinstance(position, PositionFact)
    assert (position.symbol, position.qty, position.margin_mode) == (
        BTC,
        D("0.8"),
        MarginMode.CROSS,
    )
    short = json.loads(json.dumps(frames[1]))
    short["data"][0] |= {"posSide": "short", "pos": "2"}
    (position,) = read(short)
    assert isinstance(position, PositionFact)
    assert (position.position_side, position.qty) == (PositionSide.SHORT, D(-2))
    balance, account = read(golden("ws_account")["frames"][0]["msg"])
    assert isinstance(balance, BalanceFact)
    assert isinstance(account, AccountFact)
    assert balance.wallet == D("9999.848")


def test_what_the_ledger_must_explain() -> None:
    """Fills explain themselves; funding is a notice that an entry can be asked for."""
    filled, funded = (
        read(row["msg"]) for row in golden("ws_balance_and_position")["frames"]
    )
    assert [type(fact) for fact in filled] == [BalanceFact, PositionFact]
    notice = funded[-1]
    assert isinstance(notice, LedgerFact)
    assert (notice.kind, notice.entry_id) == (LedgerKind.FUNDING, "")


def test_hints_and_warnings() -> None:
    """The fast channel is a hint; what was added up there is none."""
    frame = golden("ws_fills")["frames"][0]["msg"]
    (hint,) = read(frame)
    assert isinstance(hint, FillFact)
    assert hint.is_hint
    frame["data"][0]["count"] = "3"
    assert read(frame) == ()
    (risk,) = read(golden("ws_liquidation_warning")["frames"][0]["msg"])
    assert isinstance(risk, RiskFact)
    assert risk.symbols == (BTC,)


def test_frames_about_the_connection() -> None:
    """Login, subscriptions, crowded channels, planned closes, and the bare pong."""
    frames = golden("ws_control")["frames"]
    told = [read(row["msg"]) for row in frames if row["dir"] == "s2c" and "msg" in row]
    kinds = [
        fact.kind for facts in told for fact in facts if isinstance(fact, ControlFact)
    ]
    assert kinds == [
        ControlKind.ACK,
        ControlKind.REFUSED,
        ControlKind.ACK,
        ControlKind.SUBSCRIPTION_LOST,
        ControlKind.REFUSED,
        ControlKind.RESTART_NOTICE,
    ]
    (pong,) = DIALECT.read_frame(b"pong")
    assert pong == ControlFact(kind=ControlKind.PONG)


def test_a_quoted_login_does_not_leak() -> None:
    """The venue quotes what it refuses, passphrase and all."""
    quoted = '{"op":"login","args":[{"apiKey":"kkk","passphrase":"ppp","sign":"sss"}]}'
    body = {"event": "error", "code": "60012", "msg": f"Invalid request: {quoted}"}
    text = repr(read(body))
    assert not any(secret in text for secret in ("kkk", "ppp", "sss"))


@pytest.mark.parametrize("channel", ["orders", "positions", "account", "orders-algo"])
@pytest.mark.parametrize(
    "data", [[{}], [1], {}, None, [{"instType": "SWAP", "instId": "X", "ordId": 1}]]
)
def test_broken_state_is_a_gap(channel: str, data: object) -> None:
    """A channel we know that cannot be read may have told a change."""
    (fact,) = read({"arg": {"channel": channel}, "data": data})
    assert isinstance(fact, UnknownFact)
    assert fact.is_gap


@pytest.mark.parametrize("side", ["", "BUY", "both"])
def test_a_direction_is_never_guessed(side: str) -> None:
    """A side that is none makes the row unreadable."""
    frame = row_of("live")
    frame["data"][0]["side"] = side
    (fact,) = read(frame)
    assert isinstance(fact, UnknownFact)
    assert fact.is_gap


def test_new_channels_are_additions() -> None:
    """Kept raw, no gap."""
    (fact,) = read({"arg": {"channel": "economic-calendar"}, "data": [{}]})
    assert fact == UnknownFact(
        kind="economic-calendar",
        raw='{"arg":{"channel":"economic-calendar"},"data":[{}]}',
    )


@given(st.binary(max_size=200))
def test_bytes_never_raise(noise: bytes) -> None:
    """Law 11: nothing kills the reader."""
    for frame in (noise, b'{"arg":{"channel":"orders"},"data":[1' + noise + b"]}"):
        assert DIALECT.read_frame(frame)
