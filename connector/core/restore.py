"""The durable part of the machine: replay, digest, ids."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from connector.core.effects import JournalRecord
from connector.core.orders import FillKey
from connector.core.records import BaseTimes, OrderRecord, SumsRecord
from connector.core.tracked import Tracked
from connector.model.account import LedgerKind
from connector.model.clock import Now
from connector.model.ids import ClientOrderId, Symbol, TradeId, VenueOrderId
from connector.model.noun import of_text
from connector.model.order import OrderIntent, OrderStatus, Origin

if TYPE_CHECKING:
    from connector.core.machine import SessionCore

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def base36(number: int) -> str:
    """*number* >= 0 in lower-case base 36."""
    digits = ""
    while True:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
        if number == 0:
            return digits


def fill_name(key: FillKey) -> str:
    """The durable name of an execution; ids are opaque and may hold a slash."""
    name = "/".join(key)
    if "%" not in name and name.count("/") == len(key) - 1:
        return name  # nearly always
    return "/".join(i.replace("%", "%25").replace("/", "%2F") for i in key)


def fill_key_of(name: str) -> FillKey:
    """The key of an execution from its durable name."""
    ids = [i.replace("%2F", "/").replace("%25", "%") for i in name.split("/")]
    symbol, order_id, trade_id = ids
    return Symbol(symbol), VenueOrderId(order_id), TradeId(trade_id)


def replay(core: SessionCore, records: Iterable[JournalRecord], now: Now) -> None:
    """Bring back orders, fills, ledger entries and sums of earlier runs: what was in
    memory (`forgetting` retired the records of everything else).

    An intent without a word of the venue is in doubt: it may have been sent.
    """
    intents: dict[str, str] = {}
    orders: dict[str, Tracked] = {}
    history_start_ns: int | None = None
    for record in records:
        match record.kind:
            case "intent":
                intents[record.key] = record.body
            case "order":
                orders[record.key] = Tracked.of_record(
                    of_text(OrderRecord, record.body)
                )
            case "fill":
                core.orders.restore_fill_keys((fill_key_of(record.key),))
            case "ledger":
                kind, _, entry_id = record.key.partition("/")
                core.account.ledger_ids.add(
                    LedgerKind(kind), entry_id, int(record.body)
                )
            case "meta" if record.key == "bases":
                core.account.sums.restore(of_text(SumsRecord, record.body))
            case "meta" if record.key == "base_times":
                core.account.sums.restore_base_times(of_text(BaseTimes, record.body))
            case "meta" if record.key == "synced_ms":
                core.reconciler.synced_ms = int(record.body)
            case "meta" if record.key == "watched":
                core.reconciler.pending.restore(record.body)
            case "meta" if record.key == "forgotten_ns":
                core.orders.floor_ns = int(record.body)
            case "meta" if record.key == "history_start_ns":
                history_start_ns = int(record.body)
            case _:
                pass  # written by a newer version, or informative only
    for client_order_id, body in intents.items():
        if client_order_id not in orders:
            intent = of_text(OrderIntent, body)
            orders[client_order_id] = Tracked.of_intent(
                intent, ClientOrderId(client_order_id), now.wall_ns
            )
    for tracked in sorted(orders.values(), key=lambda t: t.created_ns):
        name = tracked.client_order_id
        is_own = tracked.origin is Origin.OWN
        if is_own and not (name in intents or tracked.is_known_to_venue):
            continue  # its intent was refused by the disk: it never was
        core.orders.restore(tracked)
        if tracked.status is OrderStatus.PENDING_NEW:
            core.commands.resume(tracked, now)
    if history_start_ns is None:
        core.begun = now
        history_start_ns = now.wall_ns
    _begin_history(core, history_start_ns)


def date_history(core: SessionCore) -> None:
    """The venue's clock is known: a history that began with this run began then, by
    that clock and not by ours, which may be wrong by hours."""
    begun, core.begun = core.begun, None
    if begun is not None:
        _begin_history(core, core.clock.offset.venue_ns(begun))
        core.must_last = True


def _begin_history(core: SessionCore, venue_ns: int) -> None:
    core.reconciler.history_start_ns = venue_ns
    core.merger.record("meta", "history_start_ns", str(venue_ns))


def state_hash(core: SessionCore) -> str:
    """SHA-256 over orders, fill keys and sums, in a fixed order."""
    digest = hashlib.sha256()
    for tracked in sorted(core.orders.all(), key=lambda t: t.client_order_id):
        digest.update(tracked.record().digest_text().encode())
    for key in sorted(core.orders.fill_keys):
        digest.update("/".join(key).encode())
    digest.update("/".join(core.account.ledger_ids.names()).encode())
    digest.update(core.account.sums.record().digest_text().encode())
    digest.update(core.account.sums.base_times().digest_text().encode())
    return digest.hexdigest()
