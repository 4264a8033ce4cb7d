"""The user of a bare world: orders, cancels and amends at random."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from connector.core.inputs import Amend, Cancel, CancelAll, Input, Resync, Submit
from connector.core.tracked import Tracked
from connector.model.ids import ClientOrderId, Symbol
from connector.model.order import OrderIntent, OrderType, Side, Terms
from connector.sim.bare.laws import Wish
from connector.sim.bare.network import S
from connector.sim.bare.venue import PRICE, SYMBOLS

if TYPE_CHECKING:
    from connector.sim.bare.rig import BareWorld

_KINDS = (
    "place",
    "take",
    "reduce",
    "batch",
    "cancel",
    "cancels",
    "amend",
    "all",
    "ask",
)
_WEIGHTS = (8, 3, 2, 2, 6, 1, 4, 1, 1)
_OPEN_MAX = 30


class BareBot:
    """Wishes something every now and then, until it is quiet."""

    def __init__(self, world: BareWorld) -> None:
        self._world = world
        self._random = world.random
        self._pause_s = world.random.choice((0.05, 0.2, 1.0))
        self._ticket = 0
        self.is_quiet = False

    def beat(self) -> None:
        """Wish something now, and again after a pause."""
        if self.is_quiet:
            return
        pause_ns = int(self._random.expovariate(1 / self._pause_s) * S)
        self._world.calendar.after(pause_ns, self.beat)
        (kind,) = self._random.choices(_KINDS, _WEIGHTS)
        wish = self._wish(kind)
        if wish is not None:
            self._world.post(wish)

    def _new_ticket(self, kind: str, name: str = "") -> int:
        world = self._world
        self._ticket += 1
        wish = Wish(kind, world.life, world.now_s(), name)
        world.witness.wishes[self._ticket] = wish
        return self._ticket

    def _wish(self, kind: str) -> Input | None:
        found = self._world.core.orders.open()
        match kind:
            case "place" | "take" | "reduce" | "batch":
                if len(found) > _OPEN_MAX:
                    return None
                count = self._random.randint(2, 5) if kind == "batch" else 1
                intents = tuple(self._intent(kind) for _ in range(count))
                tickets = tuple(self._new_ticket("place") for _ in intents)
                return Submit(tickets, intents)
            case "cancel" | "cancels":
                most = 1 if kind == "cancel" else 5
                names = self._some(found, most)
                tickets = tuple(self._new_ticket("cancel", n) for n in names)
                return Cancel(tickets, tuple(names)) if names else None
            case "amend":
                return self._amend(found)
            case "all":
                return CancelAll(self._new_ticket("all"), self._symbol())
            case _:
                return Resync(self._new_ticket("ask"))

    def _symbol(self) -> Symbol:
        return self._random.choice(SYMBOLS)

    def _some(self, found: list[Tracked], most: int) -> list[ClientOrderId]:
        some = self._random.sample(found, min(most, len(found)))
        return [tracked.client_order_id for tracked in some]

    def _intent(self, kind: str) -> OrderIntent:
        is_market = kind in ("take", "reduce")
        symbol = self._symbol()
        side = self._random.choice((Side.BUY, Side.SELL))
        return OrderIntent(
            symbol=symbol,
            side=side,
            order_type=OrderType.MARKET if is_market else OrderType.LIMIT,
            qty=Decimal(self._random.randint(1, 4)),
            price=None if is_market else PRICE,
            reduce_only=kind == "reduce",
        )

    def _amend(self, found: list[Tracked]) -> Input | None:
        orders = [t for t in found if t.price is not None]
        if not orders:
            return None
        name = self._random.choice(orders).client_order_id
        qty = Decimal(self._random.randint(1, 5))
        terms = Terms(qty=qty, price=PRICE)
        return Amend(self._new_ticket("amend", name), name, terms)
