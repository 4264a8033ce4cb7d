"""Frames into facts: notifications, heartbeats, and answers by their id.

    {"method":"subscription","params":{"channel","data"}}   a notification
    {"method":"heartbeat","params":{"type"}}                heartbeat, test_request
    {"id":"17","result"|"error":...}                        answer to a command
    {"id":"auth","result"|"error":...}                      answer to a script's frame

Only two private channels are needed: `user.changes` binds trade, order and position
of one event in one frame, `user.portfolio` tells wallets. Neither has a sequence
number or a snapshot. A position in a frame is as new as the newest trade or order
beside it (to the millisecond, hence its last nanosecond); a portfolio has no time at
all, which is said by 0.

Source: Deribit API, "Subscriptions" (user.changes, user.portfolio, platform_state,
instrument.state, user.lock), "Heartbeats"; read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from connector.dialect.facts import (
    ControlFact,
    ControlKind,
    Fact,
    FrameReply,
    LedgerFact,
    NoticeFact,
    UnknownFact,
)
from connector.model.account import LedgerKind
from connector.model.clock import NS_PER_MS
from connector.model.credentials import Secret
from connector.model.ids import Symbol
from connector.model.money import ZERO
from connector.venues.deribit import rows
from connector.venues.deribit.wire import Row, error_text
from connector.venues.replies import BROKEN, unknown

SIGN_IN, RENEWAL = "auth", "renew"
"""Ids of the frames that bring tokens."""

_LAST_NS = NS_PER_MS - 1
_COMMAND = re.compile(rb'"id"\s*:\s*"?([0-9]{1,18})"?\s*[,}]')
_UNAUTHORIZED = re.compile(rb'"code"\s*:\s*13009\b')
_NOTIFICATION = re.compile(rb'"method"\s*:\s*"(?:subscription|heartbeat)"')
_TOKEN = re.compile(rb'("(?:access|refresh)_token"\s*:\s*")[^"]*')


def read_frame(raw: bytes) -> tuple[Fact, ...]:
    """The facts of one frame of any stream; never raises."""
    if _NOTIFICATION.search(raw) is None:
        answer = _COMMAND.search(raw)
        if answer is not None:
            return _answer(answer[1].decode("ascii"), raw)
    try:
        told = Row.of_bytes(raw)
        method, params = told.text("method", ""), told.row("params")
        if not method:
            return (_control(told),)
    except BROKEN:
        return (_unknown("", raw, is_gap=True),)
    if method == "subscription":
        return _notification(params, raw)
    if method == "heartbeat":
        is_test = params.value("type") == "test_request"
        return (ControlFact(kind=ControlKind.TEST_REQUEST),) if is_test else ()
    return (_unknown(method, raw, is_gap=False),)


def _answer(frame_id: str, raw: bytes) -> tuple[Fact, ...]:
    """The answer to a command; one that was not allowed in ends the sign-in."""
    reply = FrameReply(frame_id=frame_id, raw=raw)
    if _UNAUTHORIZED.search(raw) is None:
        return (reply,)
    return (reply, ControlFact(kind=ControlKind.KEY_EXPIRED, code="13009"))


def _control(told: Row) -> ControlFact:
    """The answer to a frame of a script. Lists (of channels) are joined by blanks."""
    ref = "" if told.value("id") is None else str(told.value("id"))
    if told.has("error"):
        error = told.row("error")
        return ControlFact(
            kind=ControlKind.REFUSED,
            ref=ref,
            code=str(error.integer("code")),
            text=error_text(error),
        )
    fields: dict[str, str] = {}
    testnet = told.flag("testnet")
    if testnet is not None:
        fields["testnet"] = "true" if testnet else "false"
    secret, result = None, told.value("result")
    if ref in (SIGN_IN, RENEWAL):
        tokens = Row(result)
        life_s = tokens.integer("expires_in")
        if life_s <= 0:
            raise ValueError("a token that is over")
        fields |= {"expires_in": str(life_s), "scope": tokens.text("scope", "")}
        secret = Secret(tokens.text("refresh_token", ""))
    elif isinstance(result, list):
        fields["channels"] = " ".join(str(item) for item in result)
    return ControlFact(kind=ControlKind.ACK, ref=ref, fields=fields, secret=secret)


def _unknown(kind: str, raw: bytes, *, is_gap: bool) -> UnknownFact:
    """Tokens do not show in what is kept."""
    return unknown(kind, _TOKEN.sub(rb"\1**********", raw), is_gap=is_gap)


# --- notifications --------------------------------------------------------------


def _notification(params: Row, raw: bytes) -> tuple[Fact, ...]:
    channel = str(params.value("channel"))
    for prefix, (is_state, translate) in _CHANNELS.items():
        if channel.startswith(prefix):
            try:
                return translate(params)
            except BROKEN:
                return (_unknown(channel, raw, is_gap=is_state),)
    return (_unknown(channel, raw, is_gap=False),)


def _changes(params: Row) -> tuple[Fact, ...]:
    """Orders with their fills behind them, then the position."""
    event = params.row("data")
    orders = [rows.order_fact(row) for row in event.rows_if("orders")]
    fills = [rows.fill_fact(row) for row in event.rows_if("trades")]
    facts: list[Fact] = []
    for order in orders:
        facts.append(order)
        facts += [f for f in fills if f.venue_order_id == order.venue_order_id]
    known = {order.venue_order_id for order in orders}
    facts += [f for f in fills if f.venue_order_id not in known]
    stamps = [one.venue_ns for one in orders] + [one.venue_ns for one in fills]
    at_ns = max(stamps) + _LAST_NS if stamps else 0
    # The schema calls it `position`, the examples `positions`.
    positions = event.rows_if("positions") or event.rows_if("position")
    facts += [rows.position_fact(row, at_ns) for row in positions]
    if positions and not fills:
        # A position that moves without a trade was delivered or transferred: the
        # transaction log tells the rest.
        facts.append(_ledger_notice(event.text("instrument_name"), 0))
    return tuple(facts)


def _order_events(params: Row) -> tuple[Fact, ...]:
    """Raw channels carry one order, aggregated ones a list."""
    is_list = isinstance(params.value("data"), list)
    page = params.rows("data") if is_list else [params.row("data")]
    return tuple(map(rows.order_fact, page))


def _trades(params: Row) -> tuple[Fact, ...]:
    return tuple(map(rows.fill_fact, params.rows("data")))


def _portfolio(params: Row) -> tuple[Fact, ...]:
    return rows.summary_facts(params.row("data"), 0)


def _platform(params: Row) -> tuple[Fact, ...]:
    """Maintenance of the platform, or of one index."""
    data = params.row("data")
    if data.has("price_index"):
        word = "locked" if data.value("locked") else "open again"
        text = f"index {data.value('price_index')} is {word}"
        return (NoticeFact(code="venue.index", text=text),)
    word = "in maintenance" if data.value("maintenance") else "back from maintenance"
    return (NoticeFact(code="venue.maintenance", text=f"the platform is {word}"),)


def _lock(params: Row) -> tuple[Fact, ...]:
    data = params.row("data")
    word = "locked" if data.value("locked") else "open again"
    text = f"the account is {word} ({data.text('currency', 'ALL')})"
    return (NoticeFact(code="venue.lock", text=text),)


def _instrument_state(params: Row) -> tuple[Fact, ...]:
    """Settlement and delivery write rows into the transaction log."""
    data = params.row("data")
    if data.text("state") not in ("settlement", "delivered"):
        return ()
    return (_ledger_notice(data.text("instrument_name"), data.nanos("timestamp", 0)),)


def _ledger_notice(symbol: str, venue_ns: int) -> LedgerFact:
    return LedgerFact(
        kind=LedgerKind.SETTLEMENT,
        asset="",
        amount=ZERO,
        venue_ns=venue_ns,
        symbol=Symbol(symbol),
    )


def _ticker(params: Row) -> tuple[Fact, ...]:
    return (rows.mark_fact(params.row("data")),)


# Whether it tells state, so that an unreadable frame is a gap, and its reader.
_CHANNELS: dict[str, tuple[bool, Callable[[Row], tuple[Fact, ...]]]] = {
    "user.changes.": (True, _changes),
    "user.portfolio.": (True, _portfolio),
    "user.orders.": (True, _order_events),
    "user.trades.": (True, _trades),
    "user.lock": (False, _lock),
    "platform_state": (False, _platform),
    "instrument.state.": (False, _instrument_state),
    "ticker.": (False, _ticker),
}
