"""What the readers of answers have in common: good ones, batches, and excerpts.

A batch's reply has one item per entry, in request order; its request says in
*context* how many there are (``count``) and their client ids (``ids``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from connector.dialect.facts import (
    ControlFact,
    ControlKind,
    Fact,
    OrderFact,
    RiskFact,
    UnknownFact,
)
from connector.dialect.wire import Reply, Request, Verdict
from connector.model.ids import ClientOrderId, Symbol, VenueOrderId
from connector.model.noun import replace
from connector.model.order import OrderStatus
from connector.venues.verdicts import unreadable

BROKEN = (ValueError, KeyError, ArithmeticError, RecursionError)
"""What reading a thing of another shape may raise."""

RAW_MAX = 4096


def ok(*facts: Fact, next_request: Request | None = None) -> Reply:
    """Done, or answered in full."""
    return Reply(verdict=Verdict.OK, facts=facts, next_request=next_request)


def excerpt(raw: bytes) -> str:
    """The beginning of an answer that nobody could read."""
    return raw[:200].decode("utf-8", "replace")


def unknown(kind: str, raw: bytes, *, is_gap: bool) -> UnknownFact:
    """A frame that nobody understood, cut to a bearable size."""
    text = raw[:RAW_MAX].decode("utf-8", "replace")
    return UnknownFact(kind=kind, raw=text, is_gap=is_gap)


def control(
    kind: ControlKind, ref: str = "", code: str = "", text: str = ""
) -> tuple[ControlFact]:
    """A frame about the connection."""
    return (ControlFact(kind=kind, ref=ref, code=code, text=text),)


def one_by_one(
    items: Iterable[Any], translate: Callable[[Any], Fact], kind: str
) -> list[Fact]:
    """Facts of rows that stand for themselves: a broken one hides itself alone."""
    facts: list[Fact] = []
    for item in items:
        try:
            facts.append(translate(item))
        except BROKEN:
            facts.append(UnknownFact(kind=kind, raw=str(item)[:RAW_MAX]))
    return facts


def batch_context(ids: Iterable[str]) -> dict[str, str]:
    """What the request of a batch remembers."""
    names = list(ids)
    return {"count": str(len(names)), "ids": " ".join(names)}


def whole(request: Request, reply: Reply) -> Reply:
    """A batch that failed as a whole: every entry fails in the same way."""
    count = int(request.context.get("count", "0"))
    return replace(reply, items=(reply,) * count) if count else reply


def entries(
    request: Request, told: int, read: Callable[[int, str], Reply]
) -> tuple[Reply, ...]:
    """One item per order of a batch, aligned by index: *read* gets the index and the
    client id that was sent; above *told* entries the venue said nothing."""
    items = []
    for index, client_order_id in enumerate(request.context["ids"].split(" ")):
        if index < told:
            items.append(read(index, client_order_id))
        else:
            items.append(unreadable(request, "a batch entry without an answer"))
    return tuple(items)


def of_batch(items: tuple[Reply, ...]) -> Reply:
    """The answer to a batch that was read entry by entry."""
    return Reply(
        verdict=Verdict.OK,
        items=items,
        facts=tuple(fact for item in items for fact in item.facts),
        throttle=next((item.throttle for item in items if item.throttle), None),
    )


def placed(
    symbol: Symbol,
    client_order_id: ClientOrderId | None,
    venue_order_id: str,
    venue_ns: int,
    *,
    is_conditional: bool,
) -> Reply:
    """The order exists; its fate comes by stream."""
    fact = OrderFact(
        symbol=symbol,
        venue_order_id=VenueOrderId(venue_order_id),
        client_order_id=client_order_id,
        status=OrderStatus.NEW,
        venue_ns=venue_ns,
        is_conditional=is_conditional,
        created_ns=venue_ns or None,
    )
    return ok(fact)


def at_risk(request: Request, reply: Reply, text: str, venue_ns: int = 0) -> Reply:
    """The refusal tells that the account is in danger."""
    named = (request.symbol,) if request.symbol else ()
    risk = RiskFact(text=text, venue_ns=venue_ns, symbols=named)
    return replace(reply, facts=(*reply.facts, risk))
