"""Bots that trade in a simulated world: every kind of command, in any mixture.

A bot's style (how often which command) and every number are drawn from its own
random stream, so that faults do not change what it would like to do.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Protocol

from connector.errors import (
    JournalError,
    NetworkError,
    RateLimited,
    SessionClosed,
    Unreachable,
    UsageError,
    VenueRefused,
)
from connector.model.order import Order, OrderIntent, Outcome, PositionSide, Side
from connector.paper.playbook import Market
from connector.session import Session
from connector.session.intents import OrderOptions, make_intent

_EXPECTED = (
    JournalError,
    NetworkError,
    RateLimited,
    Unreachable,  # a venue that is away for longer than a reconciliation may wait
    UsageError,
    VenueRefused,
)
Prices = Callable[[str], Decimal]
Note = Callable[[str], "Entry"]
Work = Callable[["Entry"], Awaitable[list[Outcome]]]


class Entry(Protocol):
    """Where the end of a command is noted (see `connector.sim.laws`)."""

    ended_s: float | None
    outcomes: tuple[Outcome, ...]
    error: str
    wanted_price: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a bot behaves: *weights* of its actions, *pause_s* between them, at most
    *at_once* of them running."""

    name: str
    weights: dict[str, int]
    pause_s: float
    is_hedge: bool = False
    at_once: int = 4


_WEIGHTS: dict[str, dict[str, int]] = {
    "maker": {"quote": 8, "cancel": 5, "amend": 3, "take": 1, "reduce": 1},
    "taker": {"take": 6, "reduce": 4, "quote": 2, "cancel": 2},
    "amender": {"quote": 4, "amend": 8, "cancel": 2, "take": 1},
    "batcher": {"batch": 5, "cancel_batch": 4, "amend": 1, "take": 1, "cancel_all": 1},
    "stopper": {"conditional": 6, "cancel": 4, "take": 3, "quote": 2},
    "mixed": {
        "quote": 5,
        "take": 2,
        "reduce": 2,
        "cancel": 4,
        "amend": 3,
        "batch": 2,
        "cancel_batch": 2,
        "conditional": 2,
        "cancel_all": 1,
        "reconcile": 1,
    },
}


def draw_style(random: Random, *, can_hedge: bool, is_hurried: bool) -> Style:
    """A style for a new world; *is_hurried*: it does not care for limits."""
    name = random.choice(sorted(_WEIGHTS))
    pause_s = random.choice((0.3, 1.0, 3.0))
    return Style(
        name=name,
        weights=_WEIGHTS[name],
        pause_s=0.1 if is_hurried else pause_s,
        is_hedge=random.random() < 0.2 and can_hedge,
        at_once=12 if is_hurried else 4,
    )


class Bot:
    """Trades over *session* until told to be quiet."""

    def __init__(
        self,
        session: Session,
        style: Style,
        random: Random,
        markets: Mapping[str, Market],
        prices: Prices,
        note: Note,
    ) -> None:
        self._session = session
        self._style = style
        self._random = random
        self._markets = markets
        self._symbols = tuple(markets)
        self._prices = prices
        self._note = note
        self._clock = asyncio.get_running_loop().time

    async def run(self, quiet: asyncio.Event) -> None:
        """Act until *quiet*, then see every command end."""
        actions = list(self._style.weights)
        weights = list(self._style.weights.values())
        running: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as group:
            while not quiet.is_set():
                await asyncio.sleep(self._random.expovariate(1 / self._style.pause_s))
                running = {task for task in running if not task.done()}
                if quiet.is_set() or len(running) >= self._style.at_once:
                    continue
                (kind,) = self._random.choices(actions, weights)
                work = self._prepare(kind)
                if work is not None:
                    task = group.create_task(self._do(kind, work), name=f"bot.{kind}")
                    running.add(task)

    async def _do(self, kind: str, work: Work) -> None:
        entry = self._note(kind)
        try:
            entry.outcomes = tuple(await work(entry))
        except SessionClosed as error:
            entry.error = str(error)
        except _EXPECTED as error:
            entry.error = f"{type(error).__name__}: {error}"
        except Exception as error:
            entry.error = f"!{shown(error)}"
        entry.ended_s = self._clock()

    # --- what to do ---

    def _prepare(self, kind: str) -> Work | None:
        """Decide now what is sent; None if there is nothing to act on."""
        match kind:
            case "quote":
                return self._placing([self._quote()])
            case "batch":
                return self._placing(
                    [self._quote() for _ in range(self._random.randint(2, 6))]
                )
            case "take":
                return self._placing([self._take()])
            case "reduce":
                intent = self._reduce()
                return None if intent is None else self._placing([intent])
            case "conditional":
                return self._placing([self._conditional()])
            case "cancel" | "cancel_batch":
                return self._cancelling(1 if kind == "cancel" else 5)
            case "amend":
                return self._amending()
            case "cancel_all":
                return self._cancelling_all
            case _:
                return self._reconciling

    def _placing(self, intents: list[OrderIntent]) -> Work:
        async def place(_: Entry) -> list[Outcome]:
            orders = await self._session.submit_batch(intents)
            return [order.outcome for order in orders]

        return place

    def _cancelling(self, most: int) -> Work | None:
        orders = self._some_open(most)

        async def cancel(_: Entry) -> list[Outcome]:
            return await self._session.cancel_batch(orders)

        return cancel if orders else None

    def _amending(self) -> Work | None:
        orders = [o for o in self._some_open(20) if o.price is not None]
        if not orders:
            return None
        order = orders[0]
        qty = self._qty(order.symbol) if self._random.random() < 0.5 else None
        price = self._price(order.symbol, order.side)

        async def amend(entry: Entry) -> list[Outcome]:
            entry.wanted_price = price
            return [await self._session.amend(order, qty=qty, price=price)]

        return amend

    async def _cancelling_all(self, _: Entry) -> list[Outcome]:
        await self._session.cancel_all(self._random.choice((None, *self._symbols)))
        return []

    async def _reconciling(self, _: Entry) -> list[Outcome]:
        await self._session.reconcile()
        return []

    def _some_open(self, most: int) -> list[Order]:
        orders = self._session.orders
        return self._random.sample(orders, min(most, len(orders)))

    # --- orders ---

    def _quote(self) -> OrderIntent:
        symbol, side = (
            self._random.choice(self._symbols),
            self._random.choice(list(Side)),
        )
        options: OrderOptions = {"limit": self._price(symbol, side)}
        match self._random.randrange(8):
            case 0:
                options["post_only"] = True
            case 1:
                options["time_in_force"] = "IOC"
            case 2:
                options["time_in_force"] = "FOK"
            case _:
                pass
        return self._intent(side, symbol, options)

    def _take(self) -> OrderIntent:
        symbol, side = (
            self._random.choice(self._symbols),
            self._random.choice(list(Side)),
        )
        return self._intent(side, symbol, {})

    def _reduce(self) -> OrderIntent | None:
        held = self._session.positions
        if not held:
            return None
        position = self._random.choice(held)
        side = Side.SELL if position.qty > 0 else Side.BUY
        options: OrderOptions = {}
        if position.position_side is PositionSide.NET:
            options["reduce_only"] = True
        else:
            options["position_side"] = position.position_side
        return make_intent(side, position.symbol, abs(position.qty), **options)

    def _conditional(self) -> OrderIntent:
        symbol, side = (
            self._random.choice(self._symbols),
            self._random.choice(list(Side)),
        )
        mark, tick = self._prices(symbol), self._markets[symbol].tick
        away = Decimal(self._random.randint(1, 30)) / 10_000 * side.sign
        trigger = on_grid(mark * (1 + away), tick)
        options: OrderOptions
        match self._random.randrange(4):
            case 0:
                options = {"stop": trigger}
            case 1:
                options = {"stop": trigger, "limit": trigger + tick}
            case 2:
                options = {"take_profit": on_grid(mark * (1 - away), tick)}
            case _:
                options = {"trailing": "0.5"}
        return self._intent(side, symbol, options)

    def _intent(self, side: Side, symbol: str, options: OrderOptions) -> OrderIntent:
        if self._style.is_hedge:
            options["position_side"] = self._random.choice(("LONG", "SHORT"))
        return make_intent(side, symbol, self._qty(symbol), **options)

    def _qty(self, symbol: str) -> Decimal:
        return self._markets[symbol].lot * self._random.randint(2, 9)

    def _price(self, symbol: str, side: Side) -> Decimal:
        """Mostly behind the mark, sometimes through it."""
        away = Decimal(self._random.randint(-5, 30)) / 10_000
        price = self._prices(symbol) * (1 - away * side.sign)
        return on_grid(price, self._markets[symbol].tick)


def on_grid(price: Decimal, tick: Decimal) -> Decimal:
    """The multiple of *tick* nearest to *price*."""
    return ((price / tick).to_integral_value() * tick).quantize(tick)


def shown(error: BaseException) -> str:
    """*error* and the last calls that led to it."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    where = " > ".join(f"{f.name}:{f.lineno}" for f in frames)
    return f"{type(error).__name__}: {error} ({where})"
