"""Tests of messages: what each pushed frame means."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from connector.dialect.facts import (
    BalanceFact,
    ControlFact,
    ControlKind,
    FillFact,
    FrameReply,
    LedgerFact,
    MarkFact,
    OrderFact,
    PositionFact,
    RiskFact,
    SettingFact,
    UnknownFact,
)
from connector.model.account import LedgerKind, MarginMode
from connector.model.order import (
    OrderStatus,
    OrderType,
    Origin,
    PositionSide,
    Side,
    TimeInForce,
)
from connector.venues.binance_usdm.messages import read_frame
from connector.venues.replies import RAW_MAX

MS = 1_000_000


def frame(message: Any) -> bytes:
    return json.dumps(message).encode()


@pytest.fixture
def cases(golden):
    rows = golden("stream_order_trade_update_cases.jsonl")
    return {row["case"]: row["m"] for row in rows}


def test_an_order_is_placed_filled_twice_and_closed(golden) -> None:
    """The whole life of two orders, in wire order: fills add up to the order,
    fees and profit are the venue's, hints are marked."""
    facts = [
        fact
        for message in golden("stream_order_lifecycle.jsonl")
        for fact in read_frame(frame(message))
    ]
    fills = [f for f in facts if isinstance(f, FillFact) and not f.is_hint]
    hints = [f for f in facts if isinstance(f, FillFact) and f.is_hint]
    orders = [f for f in facts if isinstance(f, OrderFact)]

    assert [(f.trade_id, f.qty, f.price, f.fee, f.is_maker) for f in fills] == [
        ("5012345678", Decimal("0.004"), Decimal("60000.00"), Decimal("0.048"), True),
        ("5012345702", Decimal("0.006"), Decimal("60000.00"), Decimal("0.072"), True),
        ("5012399001", Decimal("0.010"), Decimal("60500.00"), Decimal("0.242"), False),
    ]
    assert [f.realized_pnl for f in fills] == [0, 0, Decimal(5)]
    assert {f.fee_asset for f in fills} == {"USDT"}
    times = [1795341605100 * MS, 1795341605300 * MS, 1795341660005 * MS]
    assert [f.venue_ns for f in fills] == times
    assert [f.venue_ns for f in hints] == times[:2]
    told = [f.venue_ns for f in facts if isinstance(f, BalanceFact | PositionFact)]
    assert set(told) == set(times)
    assert all(isinstance(venue_ns, int) for venue_ns in told)
    assert {(f.venue_order_id, f.trade_id) for f in hints} <= {
        (f.venue_order_id, f.trade_id) for f in fills
    }
    assert all(f.fee is None for f in hints)
    assert [o.status for o in orders] == [
        OrderStatus.NEW,
        OrderStatus.PARTIALLY_FILLED,
        OrderStatus.FILLED,
        OrderStatus.NEW,
        OrderStatus.FILLED,
    ]
    assert orders[2].filled_qty == Decimal("0.010")
    assert orders[2].avg_price == Decimal(60000)
    assert orders[3].order_type is OrderType.MARKET
    assert orders[3].reduce_only is True
    assert orders[3].price is None
    wallet = [f for f in facts if isinstance(f, BalanceFact)]
    assert wallet[-1].wallet == Decimal("5004.63800000")
    flat = [f for f in facts if isinstance(f, PositionFact)][-1]
    assert (flat.qty, flat.position_side) == (0, PositionSide.NET)


def test_the_state_comes_before_its_fill(golden) -> None:
    """One ORDER_TRADE_UPDATE gives the order and then its execution."""
    message = golden("stream_order_lifecycle.jsonl")[3]
    assert [type(f) for f in read_frame(frame(message))] == [OrderFact, FillFact]


@pytest.mark.parametrize(
    ("case", "status", "reason"),
    [
        ("cancel", OrderStatus.CANCELED, ""),
        ("IOC remainder expired", OrderStatus.EXPIRED, "IOC remainder"),
        (
            "self-trade prevention",
            OrderStatus.EXPIRED,
            "EXPIRED_IN_MATCH: self-trade prevention",
        ),
        (
            "post-only would take, accepted then expired",
            OrderStatus.EXPIRED,
            "",
        ),
        (
            "market order partly filled then expired",
            OrderStatus.EXPIRED,
            "market order could not fill completely",
        ),
    ],
)
def test_an_order_ends_with_its_reason(cases, case, status, reason) -> None:
    """Every end is told with the venue's reason, and no fill is invented."""
    (fact,) = read_frame(frame(cases[case]))
    assert isinstance(fact, OrderFact)
    assert (status, reason) == (fact.status, fact.reason)


def test_an_amendment_names_itself(cases) -> None:
    """The echoed id lets an amend be recognised; the order stays open."""
    (fact,) = read_frame(frame(cases["amendment"]))
    assert isinstance(fact, OrderFact)
    assert (fact.is_amend, fact.amend_id) == (True, "7")
    assert (fact.qty, fact.price) == (Decimal("0.006"), Decimal("59100.00"))
    assert (fact.time_in_force, fact.post_only) == (TimeInForce.GTC, True)
    assert fact.status is OrderStatus.NEW


@pytest.mark.parametrize(
    ("case", "origin", "fills"),
    [
        ("liquidation order announced", Origin.LIQUIDATION, 0),
        ("liquidation execution", Origin.LIQUIDATION, 1),
        ("ADL", Origin.ADL, 1),
        ("settlement or delisting", Origin.SETTLEMENT, 1),
    ],
)
def test_forced_orders_are_typed(cases, case, origin, fills) -> None:
    """Liquidation, ADL and settlement are never disguised as own orders."""
    facts = read_frame(frame(cases[case]))
    assert 1 + fills == len(facts)
    assert all(fact.origin is origin for fact in facts)


def test_a_triggered_order_links_to_its_conditional_one(cases) -> None:
    """It keeps the type it was asked for, and ids above 2**53 stay exact."""
    (fact,) = read_frame(
        frame(cases["triggered trailing stop, extra fields, id above 2**53"])
    )
    assert isinstance(fact, OrderFact)
    assert fact.venue_order_id == "8389765739703625592"
    assert fact.triggered_order_id == fact.venue_order_id
    assert fact.order_type is OrderType.TRAILING_STOP
    assert fact.is_conditional is False


def test_every_golden_order_event_is_understood(cases) -> None:
    """No recorded case ends as unknown."""
    for message in cases.values():
        assert not any(
            isinstance(fact, UnknownFact) for fact in read_frame(frame(message))
        )


def test_an_execution_without_trade_id_is_not_counted(cases) -> None:
    """It cannot be told apart from a duplicate: the cumulative quantity says
    that something is missing, and the query brings the execution itself."""
    message = json.loads(json.dumps(cases["ADL"]))
    message["o"]["t"] = 0
    (fact,) = read_frame(frame(message))
    assert isinstance(fact, OrderFact)
    assert fact.filled_qty == Decimal("0.050")


@pytest.mark.parametrize(
    ("word", "filled", "status"),
    [
        ("NEW_INSURANCE", "0", OrderStatus.NEW),
        ("NEW_ADL", "0.004", OrderStatus.PARTIALLY_FILLED),
        ("NEW_ADL", "0.010", OrderStatus.FILLED),
        ("SOMETHING_NEW", "0", OrderStatus.NEW),
    ],
)
def test_a_status_nobody_knows_counts_as_open(cases, word, filled, status) -> None:
    """Unless everything is filled; the word is kept as the reason."""
    message = json.loads(json.dumps(cases["cancel"]))
    message["o"].update(X=word, z=filled, q="0.010")
    (fact,) = read_frame(frame(message))
    assert isinstance(fact, OrderFact)
    assert (status, word) == (fact.status, fact.reason)


@pytest.mark.parametrize(
    ("field", "word", "attribute"),
    [("f", "GTE_GTC", "time_in_force"), ("ot", "ICEBERG", "order_type")],
)
def test_words_nobody_knows_are_not_told(cases, field, word, attribute) -> None:
    """An unknown lifetime or type leaves what is known as it was."""
    message = json.loads(json.dumps(cases["cancel"]))
    message["o"][field] = word
    (fact,) = read_frame(frame(message))
    assert getattr(fact, attribute) is None


@pytest.mark.parametrize(("field", "word"), [("S", "HOLD"), ("ps", "SIDEWAYS")])
def test_a_direction_nobody_knows_is_a_gap(cases, field, word) -> None:
    """Guessing a side loses money: the frame is kept raw and the state re-read."""
    message = json.loads(json.dumps(cases["cancel"]))
    message["o"][field] = word
    (fact,) = read_frame(frame(message))
    assert isinstance(fact, UnknownFact)
    assert fact.is_gap


@pytest.mark.parametrize(
    "value", [None, True, [], "NaN", "Infinity", "", "1e999", "1" * 42, "0x1"]
)
def test_an_amount_that_is_no_bounded_number_is_a_gap(cases, value) -> None:
    """What money cannot be is not guessed at: the frame is kept raw."""
    message = json.loads(json.dumps(cases["cancel"]))
    message["o"]["z"] = value
    (fact,) = read_frame(frame(message))
    assert isinstance(fact, UnknownFact)
    assert (fact.kind, fact.is_gap) == ("ORDER_TRADE_UPDATE", True)


@pytest.mark.parametrize(
    "digits", ["0.1", "0.30000000000000004", "123456789.123456789"]
)
def test_an_amount_written_as_a_number_keeps_its_digits(cases, digits) -> None:
    """The digits are read from the bytes; no float is made on the way."""
    message = json.loads(json.dumps(cases["cancel"]))
    message["o"]["z"] = "DIGITS"
    raw = frame(message).replace(b'"DIGITS"', digits.encode())
    (fact,) = read_frame(raw)
    assert isinstance(fact, OrderFact)
    assert str(fact.filled_qty) == digits


def test_account_updates_tell_what_changed(golden) -> None:
    """Order, cross and isolated funding, deposit, margin transfer, margin type,
    hedge rows: balances, positions, and a notice of the reason."""
    told = [read_frame(frame(m)) for m in golden("stream_account_update.jsonl")]
    ledgers = [[f for f in facts if isinstance(f, LedgerFact)] for facts in told]
    assert [[(f.kind, f.amount, f.symbol) for f in facts] for facts in ledgers] == [
        [],
        [(LedgerKind.FUNDING, Decimal("-0.06025000"), "BTCUSDT")],
        [(LedgerKind.FUNDING, Decimal("-0.06025000"), "BTCUSDT")],
        [(LedgerKind.TRANSFER, Decimal(5000), None)],
        [],
        [],
        [],
    ]
    assert all(f.entry_id == "" for facts in ledgers for f in facts)
    isolated = next(f for f in told[2] if isinstance(f, PositionFact))
    assert isolated.margin_mode is MarginMode.ISOLATED
    assert isolated.isolated_wallet == Decimal("99.93975000")
    hedge = [f for f in told[6] if isinstance(f, PositionFact)]
    assert [(f.position_side, f.qty) for f in hedge] == [
        (PositionSide.LONG, Decimal("0.010")),
        (PositionSide.SHORT, Decimal(0)),
        (PositionSide.NET, Decimal(0)),
    ]


def test_a_conditional_order_lives_and_becomes_another(golden) -> None:
    """NEW, TRIGGERING, TRIGGERED are open; FINISHED is filled; the order it
    became is named as soon as it exists."""
    facts = [
        fact
        for message in golden("stream_algo_update.jsonl")
        for fact in read_frame(frame(message))
    ]
    assert all(isinstance(f, OrderFact) and f.is_conditional for f in facts)
    assert [f.status for f in facts] == [
        OrderStatus.NEW,
        OrderStatus.NEW,
        OrderStatus.NEW,
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
        OrderStatus.REJECTED,
        OrderStatus.EXPIRED,
        OrderStatus.NEW,
        OrderStatus.NEW,
    ]
    assert [f.triggered_order_id for f in facts[:4]] == [
        None,
        None,
        "715550001300",
        "715550001300",
    ]
    assert facts[0].order_type is OrderType.STOP_MARKET
    assert facts[0].trigger_price == Decimal("58000.00")
    assert facts[0].side is Side.SELL
    assert facts[5].reason == "Reduce Only reject"
    assert facts[0].venue_ns == 1795341606000 * MS
    assert isinstance(facts[0].venue_ns, int)


def test_a_finished_order_that_filled_nothing_was_cancelled(golden) -> None:
    """FINISHED only says that the order it became has ended."""
    message = json.loads(json.dumps(golden("stream_algo_update.jsonl")[3]))
    message["o"].update(aq="0.004")
    (fact,) = read_frame(frame(message))
    assert fact.status is OrderStatus.CANCELED
    assert fact.filled_qty == Decimal("0.004")


def test_settings_risk_and_control(golden) -> None:
    """Leverage, multi-asset mode, margin call, expired key, shutdown."""
    config = golden("stream_account_config_update.jsonl")
    assert read_frame(frame(config[0])) == (SettingFact(symbol="BTCUSDT", leverage=25),)
    assert read_frame(frame(config[1])) == (SettingFact(is_multi_asset=True),)
    (risk,) = read_frame(frame(golden("stream_margin_call.json")))
    assert isinstance(risk, RiskFact)
    assert risk.symbols == ("ETHUSDT",)
    assert risk.venue_ns == 1795345100000 * MS
    expired = golden("stream_listen_key_expired.json")
    (control,) = read_frame(frame(expired))
    assert control == ControlFact(kind=ControlKind.KEY_EXPIRED)
    assert expired["listenKey"] not in repr(control)


def test_bare_and_wrapped_frames_mean_the_same(golden) -> None:
    """/ws and /stream carry the same event; a SUBSCRIBE ack and a shutdown
    notice, bare or under `event`, are about the connection."""
    bare, wrapped, ack, shutdown = (
        row["m"] for row in golden("stream_envelopes.jsonl")
    )
    assert read_frame(frame(bare)) == read_frame(frame(wrapped))
    assert read_frame(frame(ack)) == (ControlFact(kind=ControlKind.ACK, ref="1"),)
    notice = (ControlFact(kind=ControlKind.RESTART_NOTICE),)
    assert read_frame(frame(shutdown)) == notice
    assert read_frame(frame({"event": shutdown})) == notice
    assert read_frame(frame({"stream": "x", "data": shutdown})) == notice


def test_a_wrapped_frame_with_the_data_first_is_understood(golden) -> None:
    """The order of names in an object means nothing."""
    bare, wrapped = (row["m"] for row in golden("stream_envelopes.jsonl")[:2])
    turned = {"data": wrapped["data"], "stream": wrapped["stream"]}
    assert read_frame(frame(turned)) == read_frame(frame(bare))


def test_a_refused_subscription_is_told() -> None:
    """With the venue's code and text."""
    raw = frame({"id": 3, "error": {"code": 2, "msg": "Invalid request"}})
    assert read_frame(raw) == (
        ControlFact(
            kind=ControlKind.REFUSED, ref="3", code="2", text="Invalid request"
        ),
    )


def test_mark_prices_one_or_all() -> None:
    """Of one stream, or of the stream of all symbols; futures with a delivery
    date have no funding."""
    one = {
        "e": "markPriceUpdate",
        "E": 1795341605000,
        "s": "BTCUSDT",
        "p": "60250.00000000",
        "i": "60241.12000000",
        "P": "60239.90000000",
        "r": "0.00010000",
        "T": 1795363200000,
    }
    dated = {**one, "s": "BTCUSDT_261225", "r": "", "T": 0}
    fact = MarkFact(
        symbol="BTCUSDT",
        mark_price=Decimal("60250.00000000"),
        venue_ns=1795341605000 * MS,
        index_price=Decimal("60241.12000000"),
        funding_rate=Decimal("0.00010000"),
        next_funding_ns=1795363200000 * MS,
    )
    assert read_frame(frame(one)) == (fact,)
    assert read_frame(frame({"stream": "btcusdt@markPrice@1s", "data": one})) == (fact,)
    both = read_frame(frame({"stream": "!markPrice@arr@1s", "data": [one, dated]}))
    assert both[0] == fact
    assert both[1].funding_rate is None
    assert both[1].next_funding_ns is None


def test_a_symbol_may_be_chinese() -> None:
    """Symbols are text; since 2025 not only ASCII."""
    message = {
        "e": "TRADE_LITE",
        "E": 1,
        "T": 1,
        "s": "币安人生USDT",
        "S": "BUY",
        "l": "1",
        "L": "2",
        "t": 3,
        "i": 4,
        "c": "a",
    }
    (fact,) = read_frame(json.dumps(message, ensure_ascii=False).encode())
    assert fact.symbol == "币安人生USDT"


def test_foreign_kinds_are_kept_and_no_gap(golden) -> None:
    """Grid and strategy events, deprecated ones, and kinds added tomorrow."""
    for message in golden("stream_deprecated_or_rare.jsonl"):
        (fact,) = read_frame(frame(message))
        assert isinstance(fact, UnknownFact)
        assert (fact.kind, fact.is_gap) == (message["e"], False)
    (fact,) = read_frame(frame({"e": "TOMORROW", "x": [1]}))
    assert (fact.kind, fact.is_gap) == ("TOMORROW", False)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"true",
        b"[]",
        b"{}",
        b"{",
        b"\xff\xfe{}",
        b'{"e":"ORDER_TRADE_UPDATE","o":"\xff"}',
        b'{"e":"ORDER_TRADE_UPDATE"}',
        b'{"e":"ORDER_TRADE_UPDATE","o":{"s":"\\ud800"}}',
        b"[" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"e":"ACCOUNT_UPDATE","T":1,"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b"x" * 20_000_000,
        b'{"e":"ALGO_UPDATE","o":"' + b"x" * 20_000_000 + b'"}',
    ],
    ids=lambda raw: f"{raw[:20]!r}+{len(raw)}",
)
def test_broken_frames_are_kept_raw_and_are_a_gap(raw: bytes) -> None:
    """Nothing kills the reader: depth, size, encoding, truncation."""
    (fact,) = read_frame(raw)
    assert isinstance(fact, UnknownFact)
    assert fact.is_gap
    assert len(fact.raw) <= RAW_MAX


def test_a_stream_key_never_stands_in_a_kept_frame(golden) -> None:
    """It may be the name of a wrapped stream, or a field of its own."""
    key = golden("stream_listen_key_expired.json")["listenKey"]
    for message in (
        {"stream": key, "data": {"e": "TOMORROW"}},
        {"e": "TOMORROW", "listenKey": key},
    ):
        (fact,) = read_frame(frame(message))
        assert key not in fact.raw


def test_answers_of_the_websocket_api_go_to_whoever_asked(golden) -> None:
    """Matched by id; the logon and an answer without an id concern the socket."""
    for row in golden("wsapi_messages.jsonl"):
        if row["dir"] != "<":
            continue
        message = row["m"]
        (fact,) = read_frame(frame(message))
        if message["id"] is None:
            assert fact == ControlFact(
                kind=ControlKind.REFUSED,
                code="-2015",
                text=message["error"]["msg"],
            )
        else:
            assert isinstance(fact, FrameReply)
            assert fact.frame_id == message["id"]
    logon = golden("wsapi_messages.jsonl")[1]["m"]
    assert read_frame(frame({**logon, "id": "logon"})) == (
        ControlFact(kind=ControlKind.ACK, ref="logon"),
    )
