"""Venues and what each can do, as the table of the README.

    python -m connector.venues.table        prints it

It is made of what the dialects say of themselves, so it cannot promise more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connector.dialect import Capability, DeadManKind, VenueFacts
from connector.venues.registry import dialect_for, venue_names

YES, NO = "yes", "no"
DEAD_MEN = {
    DeadManKind.SYMBOL_TIMER: "timer per instrument",
    DeadManKind.ACCOUNT_TIMER: "timer of the account",
    DeadManKind.ORDER_CONNECTION: "bound to the connection",
}


def table() -> str:
    """Markdown: one row per capability or fact, one column per venue."""
    facts = [dialect_for(name).facts for name in venue_names()]
    head = ["", *(f"`{told.name}`" for told in facts)]
    return "\n".join(map(_line, (head, ["---"] * len(head), *_rows(facts))))


def _rows(facts: Sequence[VenueFacts]) -> Iterator[list[str]]:
    for capability in Capability:
        if capability is Capability.DEAD_MAN_TIMER:
            continue  # told below, with its kind
        name = capability.value.replace("_", " ")
        yield [name, *(_cell(told, capability) for told in facts)]
    yield ["dead-man switch", *map(_dead_man, facts)]
    yield ["a good answer is an order", *(_yes(told.ack_is_final) for told in facts)]
    yield ["same client id again", *(_word(told.resend.value) for told in facts)]
    yield ["unfilled ends are kept", *(_days(t.unfilled_retention_s) for t in facts)]
    yield ["fills are kept", *(_days(told.fill_retention_s) for told in facts)]


def _cell(told: VenueFacts, capability: Capability) -> str:
    if capability not in told.capabilities:
        # The core lists what is open and cancels each.
        return "one by one" if capability is Capability.CANCEL_ALL else NO
    match capability:
        case Capability.BATCH_PLACE:
            return f"{told.batch_place_max} orders"
        case Capability.BATCH_CANCEL:
            return f"{told.batch_cancel_max} orders"
        case Capability.ISOLATED_MARGIN if told.margin_mode_of_account:
            return "of the account"
        case _:
            return YES


def _dead_man(told: VenueFacts) -> str:
    return NO if told.dead_man is None else DEAD_MEN[told.dead_man.kind]


def _yes(fact: bool) -> str:
    return YES if fact else NO


def _word(value: str) -> str:
    return value.replace("_", " ")


def _days(seconds: int) -> str:
    hours = seconds // 3600
    return f"{hours} h" if hours < 72 else f"{hours // 24} days"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(table())
