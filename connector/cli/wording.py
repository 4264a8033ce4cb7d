"""Orders and outcomes in words, and as records."""

from __future__ import annotations

from typing import Any, assert_never

from connector.cli.exits import ExitCode
from connector.cli.output import cell
from connector.model.events import (
    Alarm,
    BalanceUpdate,
    Correction,
    Event,
    FillEvent,
    Gap,
    LedgerUpdate,
    LinkChanged,
    MarginUpdate,
    OrderUpdate,
    PositionUpdate,
    Resynced,
)
from connector.model.noun import as_plain
from connector.model.order import Accepted, Fill, InDoubt, Order, Outcome, Rejected

_RATE_LIMITED = "RATE_LIMITED"


def order_text(order: Order) -> str:
    """One line about an order."""
    price = "market" if order.price is None else cell(order.price)
    if order.trigger_price is not None:
        price += f" trigger {cell(order.trigger_price)}"
    total = "all" if order.qty is None else cell(order.qty)
    parts = [
        f"{order.status.value:<16} {order.side.value:<4} {order.symbol}",
        f"{cell(order.filled_qty)}/{total} @ {price}",
        order.client_order_id,
    ]
    if order.avg_price is not None:
        parts.insert(2, f"average {cell(order.avg_price)}")
    return "  ".join(parts)


def outcome_record(action: str, outcome: Outcome, order: Order) -> dict[str, Any]:
    """How a command ended, for programs; *order* is its newest state."""
    record: dict[str, Any] = {
        "type": "outcome",
        "action": action,
        "outcome": "accepted",
        "client_order_id": order.client_order_id,
        "venue_order_id": order.venue_order_id,
        "status": order.status.value,
    }
    match outcome:
        case Accepted():
            pass
        case Rejected():
            record |= {
                "outcome": "rejected",
                "code": outcome.code,
                "text": outcome.text,
                "was_sent": outcome.was_sent,
                "by_proof": outcome.by_proof,
            }
        case InDoubt():
            record |= {
                "outcome": "in_doubt",
                "since_ns": outcome.since_ns,
                "why": outcome.why,
            }
        case _:
            assert_never(outcome)
    return record | {"order": as_plain(order)}


def outcome_code(outcome: Outcome) -> ExitCode:
    """The exit code of one outcome."""
    match outcome:
        case Accepted():
            return ExitCode.OK
        case Rejected(was_sent=False, code=code):
            is_limited = code == _RATE_LIMITED
            return ExitCode.FAILED if is_limited else ExitCode.UNREACHABLE
        case Rejected():
            return ExitCode.REJECTED
        case InDoubt():
            return ExitCode.IN_DOUBT
        case _:
            assert_never(outcome)


def outcome_talk(action: str, outcome: Outcome, profile: str) -> str:
    """What to say to a person about an outcome; "" if all is well."""
    match outcome:
        case Accepted():
            return ""
        case Rejected(was_sent=False):
            return f"error: {action} not sent: {outcome.code} {outcome.text}".rstrip()
        case Rejected(by_proof=True):
            return (
                f"error: {action} never reached the venue: its deadline passed and the "
                "venue twice knew nothing of it"
            )
        case Rejected():
            return (
                f"error: {action} refused by the venue: {outcome.code} {outcome.text}"
            ).rstrip()
        case InDoubt():
            return (
                f"warning: the outcome of {action} is not known: {outcome.why}. "
                "The order counts as exposure until the venue tells. Do not send it "
                f"again. Next: connector reconcile --profile {profile}"
            )
        case _:
            assert_never(outcome)


def fill_text(fill: Fill) -> str:
    """One line about a fill."""
    fee = "" if fill.fee is None else f"  fee {cell(fill.fee)} {fill.fee_asset}"
    return (
        f"{fill.side.value:<4} {cell(fill.qty)} {fill.symbol} @ {cell(fill.price)}{fee}"
        f"  trade {fill.trade_id}"
    )


def event_text(event: Event) -> str:
    """One line about an event (a report takes several)."""
    match event:
        case FillEvent(fill=fill):
            text = f"fill      {fill_text(fill)}"
        case OrderUpdate(order=order):
            text = f"order     {order_text(order)}"
        case PositionUpdate(position=p):
            text = f"position  {cell(p.qty)} {p.symbol} @ {cell(p.entry_price)}"
        case BalanceUpdate(balance=balance):
            text = f"balance   {cell(balance.wallet)} {balance.asset}"
        case MarginUpdate(margin=m):
            ratio = "" if m.margin_ratio is None else f" {m.margin_ratio * 100:.2f} %"
            text = f"margin    equity {m.equity:.2f} {m.currency}{ratio}"
        case LedgerUpdate(entry=entry):
            text = f"ledger    {entry.kind.value} {cell(entry.amount)} {entry.asset}"
        case LinkChanged(after=after, why=why):
            text = f"link      {after.value}" + (f": {why}" if why else "")
        case Gap(reason=reason, detail=detail):
            text = f"gap       {reason.value}" + (f": {detail}" if detail else "")
        case Resynced(report=report):
            text = f"report    {report.text()}"
        case Alarm(code=code, text=words):
            text = f"ALARM     {code}: {words}"
        case Correction(subject=subject, before=before, after=after, why=why):
            text = f"corrected {subject}: {before} -> {after} ({why})"
        case _:
            text = f"unknown   {type(event).__name__}"
    return f"{text}  (recovered)" if event.recovered else text
