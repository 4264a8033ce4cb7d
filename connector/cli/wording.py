"""Orders and outcomes in words, and as records."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, assert_never

from connector.cli.exits import ExitCode
from connector.cli.output import cell
from connector.model.order import Accepted, InDoubt, Order, Outcome, Rejected

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
    return record | {"order": asdict(order)}


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
