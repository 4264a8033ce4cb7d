"""What a session tells its user, in causal order.

Every event carries *seq*, consecutive within a session, and *recovered*: True
when it was learnt by reconciliation and not from the live stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from connector.model.account import Balance, LedgerEntry, Margin, Position
from connector.model.noun import Noun, as_plain, field
from connector.model.order import Fill, Order


class LinkState(StrEnum):
    """Life of the private channel; only LIVE means the state is the venue's."""

    DISCONNECTED = "DISCONNECTED"
    CONNECTING = "CONNECTING"
    LOGGING_ON = "LOGGING_ON"
    SUBSCRIBING = "SUBSCRIBING"
    SYNCING = "SYNCING"
    LIVE = "LIVE"
    STALE = "STALE"


class GapReason(StrEnum):
    """Why the stream could no longer be trusted."""

    START = "start"
    DISCONNECT = "disconnect"
    STALL = "stall"
    MUTE = "mute"
    KEY_EXPIRED = "key_expired"
    OVERFLOW = "overflow"
    PARSE_FAILURE = "parse_failure"
    VENUE_NOTICE = "venue_notice"
    AUDIT_MISMATCH = "audit_mismatch"
    IN_DOUBT = "in_doubt"
    REQUESTED = "requested"


class Event(Noun, frozen=True, kw_only=True):
    """Common to all events."""

    seq: int = 0
    recovered: bool = False


class FillEvent(Event, frozen=True, kw_only=True, gc=False):
    """An order executed; told exactly once per execution."""

    fill: Fill


class OrderUpdate(Event, frozen=True, kw_only=True, gc=False):
    """An order changed; *order* is all that is known now."""

    order: Order


class PositionUpdate(Event, frozen=True, kw_only=True, gc=False):
    """A position changed."""

    position: Position


class BalanceUpdate(Event, frozen=True, kw_only=True, gc=False):
    """A wallet changed."""

    balance: Balance


class MarginUpdate(Event, frozen=True, kw_only=True):
    """The account's margin changed, by an account event or a mark price."""

    margin: Margin


class LedgerUpdate(Event, frozen=True, kw_only=True):
    """Funding, a transfer, a fee: a wallet changed for this reason."""

    entry: LedgerEntry


class LinkChanged(Event, frozen=True, kw_only=True):
    """The private channel moved from one state to another."""

    before: LinkState
    after: LinkState
    why: str = ""


class Gap(Event, frozen=True, kw_only=True):
    """The state is no longer known to equal the venue's."""

    reason: GapReason
    since_wall_ns: int
    detail: str = ""


class Alarm(Event, frozen=True, kw_only=True):
    """Somebody should look: *code* is fixed, *text* is for people."""

    code: str
    text: str
    fields: Mapping[str, str] = field(default_factory=dict)


class Correction(Event, frozen=True, kw_only=True):
    """A number was replaced without a fact that explains it."""

    subject: str
    before: str
    after: str
    why: str


class UnknownMessage(Event, frozen=True, kw_only=True):
    """A frame nobody understood, kept raw (cut to 4 KiB)."""

    kind: str
    raw: str


class Adjustment(Noun, frozen=True, kw_only=True):
    """A difference that reconciliation could not explain by facts."""

    subject: str
    local: Decimal
    venue: Decimal

    @property
    def difference(self) -> Decimal:
        """Venue minus local."""
        return self.venue - self.local


class ReconcileReport(Noun, frozen=True, kw_only=True):
    """What a gap cost: data first, `text()` for people.

    *duration_ms* is the time to restore the state; *gap_start_ns* and
    *gap_end_ns* are wall clock. *ledger_entries* are what moved a wallet, was not
    heard of before and is no part of a fill: funding, transfers and the like (fees
    and profits of executions are in the fills). *differences_left* are sums that no
    fact explains even after the time that reads may lag; the venue's word was taken
    over. *differences_watched* have not stood for that long: a later report names
    them, or they were none. *unknowable* names what the venue no longer tells
    (retention exceeded).
    """

    reason: GapReason
    gap_start_ns: int
    gap_end_ns: int
    duration_ms: float
    rounds: int
    missed_fills: tuple[Fill, ...] = ()
    orders_changed: tuple[Order, ...] = ()
    external_orders: tuple[Order, ...] = ()
    in_doubt_resolved: tuple[Order, ...] = ()
    in_doubt_left: tuple[Order, ...] = ()
    ledger_entries: tuple[LedgerEntry, ...] = ()
    duplicates_dropped: int = 0
    differences_left: tuple[Adjustment, ...] = ()
    differences_watched: tuple[Adjustment, ...] = ()
    unknowable: tuple[str, ...] = ()
    requests: int = 0
    weight: int = 0

    @property
    def is_clean(self) -> bool:
        """Everything ties out and nothing stays in doubt."""
        return not (
            self.differences_left or self.differences_watched or self.in_doubt_left
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain containers; Decimals as text."""
        plain: dict[str, Any] = _plain(as_plain(self))
        return plain

    def text(self) -> str:
        """A few lines a person can read."""
        gap_s = (self.gap_end_ns - self.gap_start_ns) / 1e9
        lines = [
            f"Reconciled after {self.reason.value}: gap {gap_s:.3f} s, restored in "
            f"{self.duration_ms:.0f} ms, {self.requests} requests "
            f"({self.weight} weight), {self.rounds} round"
            + ("s" if self.rounds != 1 else ""),
            f"  missed fills        {len(self.missed_fills)}",
        ]
        lines += [
            f"    {f.side.value} {f.qty} {f.symbol} @ {f.price}  "
            f"order {f.client_order_id}  trade {f.trade_id}"
            + (f"  fee {f.fee} {f.fee_asset}" if f.fee is not None else "")
            for f in self.missed_fills
        ]
        lines.append(f"  orders changed      {len(self.orders_changed)}")
        lines += [f"    {_brief(order)}" for order in self.orders_changed]
        lines.append(f"  external orders     {len(self.external_orders)}")
        lines += [f"    {_brief(order)}" for order in self.external_orders]
        lines.append(f"  in doubt resolved   {len(self.in_doubt_resolved)}")
        lines += [f"    {_brief(order)}" for order in self.in_doubt_resolved]
        lines += [f"  STILL IN DOUBT      {_brief(o)}" for o in self.in_doubt_left]
        lines.append(f"  other ledger        {len(self.ledger_entries)}")
        lines += [
            f"    {entry.kind.value:<17} {entry.amount} {entry.asset}"
            + (f" {entry.symbol}" if entry.symbol else "")
            for entry in self.ledger_entries
        ]
        lines.append(f"  duplicates dropped  {self.duplicates_dropped}")
        lines += [f"  cannot be known     {what}" for what in self.unknowable]
        lines.append(f"  differences left    {len(self.differences_left)}")
        lines += [
            f"    {a.subject}: local {a.local}, venue {a.venue}"
            for a in self.differences_left
        ]
        lines += [
            f"  watched             {a.subject}: local {a.local}, venue {a.venue}"
            for a in self.differences_watched
        ]
        return "\n".join(lines)


class Resynced(Event, frozen=True, kw_only=True):
    """The state equals the venue's again; the report says what was missed."""

    report: ReconcileReport


def event_dict(event: Event) -> dict[str, Any]:
    """*event* as plain containers with its kind under ``type``."""
    if isinstance(event, Resynced):
        return {
            "type": "resynced",
            "seq": event.seq,
            "recovered": event.recovered,
            "report": event.report.as_dict(),
        }
    name = type(event).__name__.removesuffix("Event")
    kind = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
    plain: dict[str, Any] = _plain(as_plain(event))
    return {"type": kind, **plain}


def _brief(order: Order) -> str:
    price = order.price if order.price is not None else "market"
    return (
        f"{order.side.value} {order.filled_qty}/{order.qty} {order.symbol} @ {price} "
        f"{order.status.value} {order.client_order_id}"
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value
