"""Golden frames of Deribit's channels become facts."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal as D
from typing import Any

import pytest

from connector.dialect.facts import (
    AccountFact,
    BalanceFact,
    CollateralFact,
    ControlFact,
    ControlKind,
    Fact,
    FillFact,
    FrameReply,
    LedgerFact,
    MarkFact,
    NoticeFact,
    OrderFact,
    PositionFact,
    UnknownFact,
)
from connector.model.order import OrderStatus, OrderType, Origin
from connector.venues.deribit.messages import read_frame

Frames = Callable[[str], list[dict[str, Any]]]


def facts_of(frames: Frames, index: int) -> tuple[Fact, ...]:
    return read_frame(json.dumps(frames("push_user")[index]["frame"]).encode())


def test_every_golden_frame_is_understood(frames: Frames) -> None:
    """Nothing is unknown but the market-maker protection nobody asked for."""
    for row in frames("push_user"):
        frame = row["frame"]
        facts = read_frame(json.dumps(frame).encode())
        unknown = [fact for fact in facts if isinstance(fact, UnknownFact)]
        if unknown:
            assert unknown[0].kind.startswith("user.mmp_trigger")
            assert not unknown[0].is_gap


def test_one_frame_binds_order_fill_and_position(frames: Frames) -> None:
    """`user.changes`: the fill follows its order, the position is as new as both,
    to the end of their millisecond."""
    order, fill, position = facts_of(frames, 4)
    assert isinstance(order, OrderFact)
    assert isinstance(fill, FillFact)
    assert isinstance(position, PositionFact)
    assert (order.status, order.filled_qty) == (OrderStatus.FILLED, D(20000))
    assert (fill.trade_id, fill.qty, fill.fee_asset) == ("301234567", 20000, "BTC")
    assert fill.is_maker
    assert position.qty == 20000
    assert position.venue_ns == fill.venue_ns + 999_999


def test_a_short_option_brings_its_greeks(frames: Frames) -> None:
    """Sizes are signed; delta, gamma, vega and theta are those of the position."""
    *_, position = facts_of(frames, 5)
    assert isinstance(position, PositionFact)
    assert (position.qty, position.delta) == (D(-2), D("-0.590911"))
    assert (position.vega, position.theta) == (D("-214.546256"), D("147.468548"))


def test_cancel_on_disconnect_is_told_as_it_is(frames: Frames) -> None:
    """Cancelled, with the venue's own reason."""
    (order,) = facts_of(frames, 6)
    assert isinstance(order, OrderFact)
    assert order.status is OrderStatus.CANCELED
    assert order.reason == "cancel_on_disconnect"


def test_a_stop_and_what_it_became(frames: Frames) -> None:
    """`price` may be a word; the new order has a new id and names the old one."""
    (waiting,) = facts_of(frames, 7)
    assert isinstance(waiting, OrderFact)
    assert waiting.is_conditional
    assert (waiting.price, waiting.trigger_price) == (None, D(95000))
    (became,) = facts_of(frames, 9)
    assert isinstance(became, OrderFact)
    assert not became.is_conditional
    assert became.conditional_order_id == waiting.venue_order_id
    assert became.triggered_order_id == "80123460001"
    assert (became.order_type, became.price) == (OrderType.MARKET, None)


def test_liquidation_is_named(frames: Frames) -> None:
    """Orders and fills of the venue's own making say so."""
    (order,) = facts_of(frames, 10)
    (fill,) = facts_of(frames, 11)
    assert isinstance(order, OrderFact)
    assert isinstance(fill, FillFact)
    assert order.origin is fill.origin is Origin.LIQUIDATION
    assert fill.fee == D("0.00055249")


def test_a_portfolio_has_no_time(frames: Frames) -> None:
    """Wallet, collateral and the venue's own words of one currency."""
    balance, collateral, account = facts_of(frames, 12)
    assert isinstance(balance, BalanceFact)
    assert isinstance(collateral, CollateralFact)
    assert isinstance(account, AccountFact)
    assert (balance.asset, balance.wallet, balance.venue_ns) == ("BTC", D("5.0444"), 0)
    row = collateral.collateral
    assert row.broken_identities() == ()
    assert (row.delta_total, row.greeks.vega) == (D("-0.33961297"), D("-214.5463"))
    assert account.scope == "BTC"


@pytest.mark.parametrize(
    ("index", "code"),
    [(15, "venue.lock"), (16, "venue.maintenance"), (17, "venue.index")],
)
def test_the_venue_about_itself(frames: Frames, index: int, code: str) -> None:
    """Locks and maintenance are notices, not gaps."""
    (fact,) = facts_of(frames, index)
    assert isinstance(fact, NoticeFact)
    assert fact.code == code


def test_settlement_asks_for_the_ledger(frames: Frames) -> None:
    """A contract that settles writes rows which no channel tells."""
    (fact,) = facts_of(frames, 18)
    assert isinstance(fact, LedgerFact)
    assert fact.entry_id == ""


def test_a_ticker_is_a_mark(frames: Frames) -> None:
    """Options are marked in coin."""
    raw = json.dumps(frames("ticker")[1]["frame"]).encode()
    (fact,) = read_frame(raw)
    assert isinstance(fact, MarkFact)
    assert fact.mark_price == D("0.025669")


def test_test_requests_and_heartbeats(frames: Frames) -> None:
    """A heartbeat says nothing; a test request wants an answer."""
    beats = [r["frame"] for r in frames("session") if r["frame"].get("params")]
    facts = [
        read_frame(json.dumps(f).encode())
        for f in beats
        if f.get("method") == "heartbeat"
    ]
    assert facts[0] == ()
    (asked,) = facts[1]
    assert isinstance(asked, ControlFact)
    assert asked.kind is ControlKind.TEST_REQUEST


def test_answers_are_told_apart_by_their_ids() -> None:
    """A number answers a command, a word answers a script."""
    (reply,) = read_frame(b'{"jsonrpc":"2.0","id":"17","result":3}')
    assert reply == FrameReply(
        frame_id="17", raw=b'{"jsonrpc":"2.0","id":"17","result":3}'
    )
    (ack,) = read_frame(b'{"jsonrpc":"2.0","id":"beat","result":"ok"}')
    assert isinstance(ack, ControlFact)
    assert (ack.kind, ack.ref) == (ControlKind.ACK, "beat")


def test_unauthorized_ends_the_sign_in_and_answers_the_command() -> None:
    """13009 on a command: the answer, and a word to the script."""
    raw = b'{"id":"17","error":{"message":"unauthorized","code":13009}}'
    reply, control = read_frame(raw)
    assert isinstance(reply, FrameReply)
    assert isinstance(control, ControlFact)
    assert control.kind is ControlKind.KEY_EXPIRED


def test_tokens_do_not_show(frames: Frames) -> None:
    """What a sign-in grants: scope and life; the refresh token stays hidden."""
    frame = dict(frames("auth")[1]["frame"], id="auth")
    (fact,) = read_frame(json.dumps(frame).encode())
    assert isinstance(fact, ControlFact)
    assert fact.fields["expires_in"] == "900"
    assert "trade:read_write" in fact.fields["scope"].split()
    assert "invented-refresh-token" not in repr(fact)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        (
            b'{"method":"subscription","params":{"channel":"user.changes.any.any.raw",'
            b'"data":{"instrument_name":"X","orders":[{"order_id":"1"}]}}}'
        ),
        b'{"jsonrpc":"2.0","method":"subscript',
        b"\xff\xfe",
    ],
    ids=["empty", "list", "half an order", "cut off", "bytes"],
)
def test_what_cannot_be_read_is_a_gap(raw: bytes) -> None:
    """Law 11: kept raw, reported, survived; the state is read again."""
    (fact,) = read_frame(raw)
    assert isinstance(fact, UnknownFact)
    assert fact.is_gap


def test_numbers_are_exact() -> None:
    """No float is ever made: the dirt at the end of a number goes, the rest stays."""
    raw = (
        b'{"method":"subscription","params":{"channel":"user.trades.any.any.raw",'
        b'"data":[{"trade_id":"1","order_id":"2","instrument_name":"BTC-PERPETUAL",'
        b'"timestamp":1,"direction":"buy","price":1.6e-7,"amount":10,'
        b'"fee":0.00035000000000000005}]}}'
    )
    (fill,) = read_frame(raw)
    assert isinstance(fill, FillFact)
    assert (fill.price, fill.fee) == (D("0.00000016"), D("0.00035"))
