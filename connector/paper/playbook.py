"""What a simulated world must know of a venue, written beside its face.

A world trades, causes faults and reads what leaves for the venue without knowing
which venue it plays: a *playbook* gives it the words. It stands in the face's
package as ``playbook.PLAYBOOK``.

Every face with a playbook knows the control verbs ``read_lag`` (*ms*) and
``exceedances`` besides ``heal``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

ONE = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """One instrument as bots trade it, in the units of the session's user.

    Quantities are multiples of *lot*, 2 to 9 of them an order; prices are multiples
    of *tick* (a multiple of the venue's own). *by_hand* is the quantity of a manual
    order in the machine's units; *unit*: user's units per unit of the machine.
    """

    lot: Decimal
    tick: Decimal
    by_hand: str
    unit: Decimal = ONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An order that left for the venue.

    *shape* is what makes it this order and no other (symbol, side, type, quantity,
    price); *reduces*: it cannot add exposure.
    """

    client_order_id: str
    shape: str
    reduces: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Amended:
    """New terms that left for the venue: *order_id* is the machine's number (None:
    named by *client_order_id*), *qty* the new total in the machine's units, None if
    it is not changed."""

    order_id: int | None
    client_order_id: str
    qty: Decimal | None


Sent = Placed | Amended


def _digits(symbol: str, number: int) -> str:
    return str(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook:
    """Words and habits of one venue.

    *events* and *calls* are what faults on frames and calls may choose ("" is any);
    *placing* are the calls that place orders: method ("WS" is a frame) and path.
    *not_executed* and *executed* are names of the face's presets that may be
    answered instead of executing, and after it; *undrawn* says of the face's other
    presets why worlds leave them out; *stops* are those that ask to wait.
    *key_faults* are verbs that end the
    stream's key; *own_faults* more verbs with their arguments. *transfers* are
    (asset, amount) to be moved. *tight_options* make the face's limits so low that
    bots meet them; *cancels_kept* cancels a minute get through all the same.
    *stop_sign*: what a 429 or 418 says if it means every request, not orders alone.
    *other_hosts*: beginnings of paths that other hosts with other limits serve.
    *with_passphrase*: keys have one.
    *lag_max_ms*: how far reads may trail, by what the venue says of its stores.

    *read_call* and *read_frame* say which orders a request or a client's frame
    carries. *order_id*, *conditional_id* and *trade_id* write the machine's numbers
    of a symbol the way the wire shows them; *forced_trade_id* those of executions that
    the venue forced, where they differ.
    """

    markets: Mapping[str, Market]
    events: tuple[str, ...]
    calls: tuple[str, ...]
    not_executed: tuple[str, ...]
    executed: tuple[str, ...]
    transfers: tuple[tuple[str, str], ...]
    read_call: Callable[[str, str, bytes], tuple[Sent, ...]]  # method, target, body
    read_frame: Callable[[str], tuple[Sent, ...]]
    placing: tuple[tuple[str, str], ...] = (("", ""),)
    undrawn: Mapping[str, str] = field(default_factory=dict)
    stops: tuple[str, ...] = ("too_many_requests", "banned")
    key_faults: tuple[str, ...] = ()
    own_faults: tuple[tuple[str, Mapping[str, object]], ...] = ()
    tight_options: Mapping[str, Any] = field(default_factory=dict)
    cancels_kept: int = 0
    other_hosts: tuple[str, ...] = ()
    stop_sign: bytes = b""
    has_bans: bool = False
    has_hedge: bool = False
    with_passphrase: bool = False
    lag_max_ms: int = 40_000
    order_id: Callable[[str, int], str] = _digits
    conditional_id: Callable[[str, int], str] = _digits
    trade_id: Callable[[str, int], str] = _digits
    forced_trade_id: Callable[[str, int], str] | None = None

    def name_of_trade(self, symbol: str, number: int, *, is_forced: bool) -> str:
        """A trade's number as the wire shows it."""
        if is_forced and self.forced_trade_id is not None:
            return self.forced_trade_id(symbol, number)
        return self.trade_id(symbol, number)

    @property
    def symbols(self) -> tuple[str, ...]:
        """What bots trade."""
        return tuple(self.markets)
