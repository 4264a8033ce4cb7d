"""Tests of messages and rows: golden frames become facts."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.dialect.facts import (
    AccountFact,
    BalanceFact,
    ControlFact,
    ControlKind,
    Fact,
    FillFact,
    FrameReply,
    GreeksFact,
    LedgerFact,
    MarkFact,
    OrderFact,
    PositionFact,
    RiskFact,
    UnknownFact,
)
from connector.model.account import LedgerKind
from connector.model.order import OrderStatus, OrderType, Origin, PositionSide, Side
from connector.venues.bybit_v5.messages import read_frame

Told = Callable[..., tuple[Fact, ...]]
ORDER_ID = "5d20c9f4-81b6-4e2a-b0c7-90a4e6d3f101"


def order_of(facts: tuple[Fact, ...]) -> OrderFact:
    """The only fact, an order."""
    (fact,) = facts
    assert isinstance(fact, OrderFact)
    return fact


@pytest.mark.parametrize(
    ("name", "status", "filled", "reason"),
    [
        ("accepted", OrderStatus.NEW, "0", ""),
        ("amended", OrderStatus.NEW, "0", ""),
        ("partly_filled", OrderStatus.PARTIALLY_FILLED, "0.008", ""),
        (
            "cancelled_partly_filled",
            OrderStatus.CANCELED,
            "0.008",
            "CancelByUser: EC_PerCancelRequest",
        ),
        ("filled", OrderStatus.FILLED, "0.020", ""),
        (
            "filled_cancel_late",
            OrderStatus.FILLED,
            "0.020",
            "a cancel came too late: CancelByUser: EC_OrigClOrdIDDoesNotExist",
        ),
        ("post_only", OrderStatus.EXPIRED, "0", "EC_PostOnlyWillTakeLiquidity"),
        ("self_match", OrderStatus.EXPIRED, "0", "CancelBySmp: EC_BySelfMatch"),
    ],
)
def test_states_of_an_order(
    told: Told, name: str, status: OrderStatus, filled: str, reason: str
) -> None:
    """The executed quantity is read whatever the status; a second Filled reports a
    cancel that came too late; what a rule ended has expired."""
    fact = order_of(told(f"order_{name}"))
    assert (fact.status, fact.filled_qty, fact.reason) == (status, D(filled), reason)


def test_a_whole_order(told: Told) -> None:
    """Ids, terms and times of an accepted order."""
    fact = order_of(told("order_accepted"))
    assert (fact.symbol, fact.venue_order_id) == ("BTCUSDT", ORDER_ID)
    assert fact.client_order_id == "cq4t81m20001"
    assert (fact.side, fact.order_type) == (Side.BUY, OrderType.LIMIT)
    assert (fact.qty, fact.price) == (D("0.030"), D("61250.0"))
    assert (fact.post_only, fact.reduce_only) == (False, False)
    assert fact.position_side is PositionSide.NET
    assert fact.venue_ns == 1_795_605_600_005_000_000
    assert not fact.is_conditional


@pytest.mark.parametrize(
    ("changes", "status", "is_conditional"),
    [
        ({"orderStatus": "Untriggered"}, OrderStatus.NEW, True),
        ({"orderStatus": "Triggered"}, OrderStatus.NEW, False),
        ({"orderStatus": "Deactivated"}, OrderStatus.CANCELED, True),
        ({"orderStatus": "Rejected"}, OrderStatus.REJECTED, False),
        (
            {"orderStatus": "Rejected", "cumExecQty": "0.01"},
            OrderStatus.CANCELED,
            False,
        ),
        (
            {"orderStatus": "Cancelled", "cancelType": "CancelByReduceOnly"},
            OrderStatus.EXPIRED,
            False,
        ),
        ({"orderStatus": "Sleeping"}, OrderStatus.NEW, False),
        (
            {"orderStatus": "Sleeping", "cumExecQty": "0.030"},
            OrderStatus.FILLED,
            False,
        ),
    ],
)
def test_rarer_states(
    told: Told, changes: dict[str, str], status: OrderStatus, is_conditional: bool
) -> None:
    """Waiting orders are conditional; what traded was accepted; a word of a new kind
    is read from the quantities."""
    fact = order_of(told("order_accepted", **changes))
    assert (fact.status, fact.is_conditional) == (status, is_conditional)


@pytest.mark.parametrize(
    ("side", "direction", "kind"),
    [
        ("Sell", 2, OrderType.STOP_MARKET),
        ("Sell", 1, OrderType.TAKE_PROFIT_MARKET),
        ("Buy", 1, OrderType.STOP_MARKET),
        ("Buy", 2, OrderType.TAKE_PROFIT_MARKET),
    ],
)
def test_a_trigger_against_the_order_is_a_stop(
    told: Told, side: str, direction: int, kind: OrderType
) -> None:
    """A sell below the price and a buy above it stop; the others take profit."""
    trigger = {
        "side": side,
        "orderType": "Market",
        "stopOrderType": "Stop",
        "triggerPrice": "60000",
        "triggerDirection": direction,
    }
    fact = order_of(told("order_accepted", **trigger))
    assert (fact.order_type, fact.trigger_price) == (kind, D(60000))


def test_a_fill(told: Told) -> None:
    """Fee paid is positive; the position side is the order's, not told here."""
    (fact,) = told("execution_fill")
    assert isinstance(fact, FillFact)
    assert (fact.venue_order_id, fact.side) == (ORDER_ID, Side.BUY)
    assert (fact.qty, fact.price) == (D("0.008"), D(61250))
    assert (fact.fee, fact.fee_asset, fact.is_maker) == (D("0.098"), "USDT", True)
    assert (fact.position_side, fact.is_hint, fact.origin) == (None, False, None)


@pytest.mark.parametrize(
    ("name", "origin"),
    [("liquidation", Origin.LIQUIDATION), ("adl", Origin.ADL)],
)
def test_forced_fills(told: Told, name: str, origin: Origin) -> None:
    """Forced executions are fills without a client id, named for what they are."""
    (fact,) = told(f"execution_{name}")
    assert isinstance(fact, FillFact)
    assert (fact.origin, fact.client_order_id) == (origin, None)


def test_funding_is_no_fill(told: Told) -> None:
    """Funding arrives as an execution; paid is negative for the wallet."""
    (fact,) = told("execution_funding")
    assert isinstance(fact, LedgerFact)
    assert (fact.kind, fact.amount) == (LedgerKind.FUNDING, D("-0.049008"))
    assert fact.entry_id == ""


def test_a_fast_execution_is_a_hint(told: Told) -> None:
    """Early, without fee; makers have no client id there."""
    (fact,) = told("execution_fast")
    assert isinstance(fact, FillFact)
    assert fact.is_hint
    assert (fact.fee, fact.client_order_id) == (None, None)
    assert fact.trade_id == "e27c4d90-5b18-5a36-9c4e-61f0a8b3d7e5"


def test_executions_of_a_new_kind_are_told(told: Told) -> None:
    """They may have changed a position: a gap, nothing is guessed."""
    (fact,) = told("execution_fill", execType="CorporateAction")
    assert isinstance(fact, UnknownFact)
    assert fact.is_gap


def test_positions(told: Told) -> None:
    """Signed quantity, the sequence of the symbol, a whole leverage."""
    (held,) = told("position_held")
    assert isinstance(held, PositionFact)
    assert (held.qty, held.entry_price, held.leverage) == (D("0.008"), D(61250), 10)
    assert held.version == 151732148849382
    (flat,) = told("position_flat")
    assert isinstance(flat, PositionFact)
    assert flat.qty == 0
    (short,) = told("position_held", side="Sell", leverage="12.5", positionIdx=2)
    assert isinstance(short, PositionFact)
    assert (short.qty, short.leverage) == (D("-0.008"), None)
    assert short.position_side is PositionSide.SHORT


def test_a_position_in_trouble_is_a_risk(told: Told) -> None:
    """Liquidation and ADL show in the status of the position."""
    _, risk = told("position_held", positionStatus="Liq")
    assert isinstance(risk, RiskFact)
    assert risk.symbols == ("BTCUSDT",)


def test_the_wallet(told: Told) -> None:
    """Balances by coin at the time of the message, the venue's totals beside."""
    balance, account = told("wallet")
    assert isinstance(balance, BalanceFact)
    assert (balance.asset, balance.wallet) == ("USDT", D("9999.902"))
    assert not balance.is_as_of
    assert isinstance(account, AccountFact)
    assert account.fields["totalMarginBalance"] == "9997.98200360"


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("private_login", ControlFact(kind=ControlKind.ACK, ref="1")),
        ("private_subscribed", ControlFact(kind=ControlKind.ACK, ref="2")),
        ("private_pong", ControlFact(kind=ControlKind.PONG)),
        ("trade_login", ControlFact(kind=ControlKind.ACK, ref="a1")),
        ("trade_pong", ControlFact(kind=ControlKind.PONG)),
        (
            "private_login_failed",
            ControlFact(kind=ControlKind.REFUSED, ref="auth", text="Params Error"),
        ),
        (
            "private_bad_topic",
            ControlFact(
                kind=ControlKind.REFUSED,
                ref="3",
                text="error:handler not found,topic:nope",
            ),
        ),
    ],
)
def test_both_spellings_of_control_frames(
    told: Told, name: str, fact: ControlFact
) -> None:
    """snake_case on the private socket, camelCase on order entry, two pongs."""
    assert told(name) == (fact,)


def test_replies_of_order_entry(told: Told, frames: dict[str, Any]) -> None:
    """They carry the id of the request; a restarting service says so as well."""
    (reply,) = told("trade_created")
    assert isinstance(reply, FrameReply)
    assert reply.frame_id == "r1"
    _, notice = told("trade_restarting")
    assert notice == ControlFact(kind=ControlKind.RESTART_NOTICE)


def test_other_categories_are_no_gap(told: Told) -> None:
    """The streams tell of spot and options too."""
    (fact,) = told("order_accepted", category="spot")
    assert isinstance(fact, UnknownFact)
    assert not fact.is_gap


def test_greeks_are_sums_over_the_options_on_a_coin(told: Told) -> None:
    """Told apart from what is held here."""
    (fact,) = told("greeks")
    assert isinstance(fact, GreeksFact)
    assert (fact.currency, fact.venue_ns) == ("ETH", 1_795_605_601_204_000_000)
    assert fact.greeks.delta == D("0.06999986")
    assert fact.greeks.theta == D("0.00001314")


@pytest.mark.parametrize(
    "changes",
    [
        {"side": "Both"},
        {"positionIdx": 7},
        {"qty": 0.03},
        {"updatedTime": "-1"},
        {"orderId": ""},
    ],
)
def test_what_cannot_be_read_is_a_gap(told: Told, changes: dict[str, Any]) -> None:
    """A direction is never guessed, a float is no amount: the row may have been a
    change of state."""
    (fact,) = told("order_accepted", **changes)
    assert isinstance(fact, UnknownFact)
    assert fact.is_gap


def test_marks() -> None:
    """A ticker tells the mark; one without a mark tells nothing."""
    data = {"symbol": "BTCUSDT", "markPrice": "61260.5", "fundingRate": "0.0001"}
    frame = {"topic": "tickers.BTCUSDT", "type": "snapshot", "ts": 1, "data": data}
    (fact,) = read_frame(json.dumps(frame).encode())
    assert isinstance(fact, MarkFact)
    assert (fact.mark_price, fact.funding_rate) == (D("61260.5"), D("0.0001"))
    frame["data"] = {"symbol": "BTCUSDT", "lastPrice": "1"}
    assert read_frame(json.dumps(frame).encode()) == ()


@given(st.binary(max_size=200))
def test_bytes_never_raise(raw: bytes) -> None:
    """Whatever the wire brings, the reader lives."""
    assert all(isinstance(fact, UnknownFact | ControlFact) for fact in read_frame(raw))


@given(
    st.dictionaries(
        st.sampled_from(
            ("topic", "op", "data", "retCode", "success", "reqId", "req_id", "ts")
        ),
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.sampled_from(("order", "execution", "position", "wallet", "tickers.X")),
            st.lists(st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)),
        ),
    )
)
def test_objects_of_any_shape_never_raise(frame: dict[str, Any]) -> None:
    """Right names with wrong values are told, not thrown."""
    assert isinstance(read_frame(json.dumps(frame).encode()), tuple)
