"""Session: signed calls, a private stream, one limiter, one truth."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack, cast

from connector.config import SessionConfig
from connector.config.defaults import DEFAULT_PROFILE
from connector.config.hosts import EndpointUrls
from connector.config.profiles import Profile
from connector.core.inputs import Amend, Ask, Cancel, CancelAll, Resync, Submit
from connector.core.rules import check_margin_scope
from connector.dialect import Capability, Dialect
from connector.dialect.wire import Reply, Request
from connector.errors import (
    ConnectorError,
    InvalidOrder,
    SessionClosed,
    Unreachable,
    Unsupported,
    UsageError,
)
from connector.model.account import MarginMode
from connector.model.clock import NS_PER_MS
from connector.model.credentials import Credentials
from connector.model.events import Event, ReconcileReport
from connector.model.ids import Symbol
from connector.model.instrument import InstrumentKind
from connector.model.money import decimal_of
from connector.model.noun import replace
from connector.model.order import Fill, Order, OrderIntent, Outcome, Side
from connector.runtime.clock import Clock
from connector.runtime.journal import Journal
from connector.session.history import (
    Asker,
    fills_since,
    learn_open_orders,
    traded_symbols,
)
from connector.session.intents import (
    Number,
    OrderOptions,
    groups_of,
    kind_in,
    kind_of,
    make_intent,
)
from connector.session.live_order import LiveOrder, OrderRef, client_order_id_of
from connector.session.opening import Parts, Wishes, assemble
from connector.session.reading import Reading
from connector.session.replies import first_error, raise_unless_done
from connector.session.shell import Shell

if TYPE_CHECKING:
    from connector.runtime.keystore import KeyProvider


class Session(Reading):
    """One account at one venue.

    ::

        async with Session("paper:binance") as s:
            order = await s.buy("BTCUSDT", "0.010", limit="60000")
            async for event in s.events():
                ...

    Entered only when signed in, subscribed and reconciled. Reading is
    synchronous, acting is async. *profile* names venue, environment and key
    (``paper:binance``, ``live:main``); *config* bounds every wait and queue;
    *journal* is a file, "memory" for none, or the profile's own file. *on_event*
    is called for every event from the reader and must not block. *dead_man_s* keeps
    the venue's dead-man switch armed (see `SessionConfig.dead_man_s`). *keys* is your
    own source of keys, asked before every store; *credentials* is a key itself.

    Opening raises ConfigError, Unsupported, CredentialsError, KeyRefused,
    JournalLocked, JournalError or Unreachable.
    """

    def __init__(
        self,
        profile: str | Profile = DEFAULT_PROFILE,
        *,
        config: SessionConfig | None = None,
        credentials: Credentials | None = None,
        keys: KeyProvider | None = None,
        endpoints: EndpointUrls | None = None,
        journal: Journal | Path | str | None = None,
        on_event: Callable[[Event], None] | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        dead_man_s: float | None = None,
    ) -> None:
        self._wishes = Wishes(
            profile=profile,
            config=config,
            credentials=credentials,
            keys=keys,
            endpoints=endpoints,
            journal=journal,
            clock=clock,
            rng=rng,
            dead_man_s=dead_man_s,
        )
        self._on_event = on_event
        self._runner: asyncio.Task[None] | None = None
        self._was_opened = False
        self._stop = asyncio.Event()

    # --- life ---

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect, sign in, subscribe, reconcile; returns when live.

        Raises Unreachable after `open_timeout_s`. In a notebook call this (and
        `close`) instead of ``async with``.
        """
        if self._was_opened:
            raise UsageError("this session was opened already; make a new one")
        self._was_opened = True
        opened = asyncio.get_running_loop().create_future()
        # The one task that no group owns: it owns the group (see Shell.run), and
        # close() awaits it. open() and close() may be called by different tasks.
        self._runner = asyncio.create_task(self._run(opened), name="session")
        try:
            await opened
            timeout_s = self._open_shell.core.config.open_timeout_s
            await self.wait_live(timeout_s=timeout_s)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Make the last records durable, close the streams, keep every order.

        Orders stay at the venue (with `dead_man_s`, until its time is up): cancel
        them first if they should not.
        """
        self._stop.set()
        runner = self._runner
        if runner is None:
            return
        await asyncio.wait({runner})
        self._runner = None
        if not runner.cancelled():
            error = runner.exception()
            if error is not None:
                raise error

    async def wait_live(self, *, timeout_s: float) -> None:
        """Return when the state equals the venue's; raises Unreachable."""
        shell = self._open_shell
        try:
            async with asyncio.timeout(timeout_s):
                while not shell.core.is_live:
                    if shell.fatal is not None:
                        raise shell.fatal
                    await shell.changed()
        except TimeoutError:
            trouble = shell.core.startup.last_trouble or shell.core.trust.trouble
            raise Unreachable(
                f"{self._wishes.profile!s} was not live within {timeout_s:g} s "
                f"(state {shell.core.state.value})",
                trouble=trouble,
            ) from None

    # --- acting ---

    async def buy(
        self, symbol: str, qty: Number | None, **options: Unpack[OrderOptions]
    ) -> LiveOrder:
        """Place a buy order; see `connector.session.intents.make_intent`.

        Returns when the venue has answered, or as InDoubt `doubt_patience_s` after
        it should have: look at `outcome`. Raises InvalidOrder, Unsupported, NotLive,
        Unprotected or SessionClosed before anything is journaled, JournalError if
        the intent cannot be made durable.
        """
        return await self.submit(make_intent(Side.BUY, symbol, qty, **options))

    async def sell(
        self, symbol: str, qty: Number | None, **options: Unpack[OrderOptions]
    ) -> LiveOrder:
        """Place a sell order; as `buy`."""
        return await self.submit(make_intent(Side.SELL, symbol, qty, **options))

    async def submit(self, intent: OrderIntent) -> LiveOrder:
        """Place an order; as `buy`."""
        return (await self.submit_batch([intent]))[0]

    async def submit_batch(self, intents: Sequence[OrderIntent]) -> list[LiveOrder]:
        """Place several orders, in as few requests as the venue allows.

        Each has its own outcome. All are checked before any is sent. Raises as `buy`;
        if the disk refuses one request of several, what the others did is told by
        `orders` and the events.
        """
        shell = self._acting_shell
        core = shell.core
        most = max(1, core.dialect.facts.batch_place_max)
        parts = list(groups_of(intents, most))
        if len(parts) > 1 or core.config.dead_man_s:
            # Else the machine does it, before anything else happens.
            core.check_all(intents, shell.now())
        waits = []
        for part in parts:
            tickets, futures = self._tickets(len(part))
            shell.post(Submit(tickets, tuple(part)))
            waits += futures
        outcomes = [cast(Outcome, await future) for future in waits]
        return [LiveOrder(self, outcome) for outcome in outcomes]

    async def cancel(self, order: OrderRef) -> Outcome:
        """Cancel an order.

        Accepted when it ended cancelled; Rejected (TOO_LATE) when it had ended
        otherwise, InDoubt when nobody knows yet. Raises UsageError, with nothing
        sent, if it is not known here, or not any more (`keep_closed_s`).
        """
        return (await self.cancel_batch([order]))[0]

    async def cancel_batch(self, orders: Sequence[OrderRef]) -> list[Outcome]:
        """Cancel several orders, in as few requests as the venue allows.

        One outcome each, in their order. Raises UsageError, with nothing sent, if one
        is not known here.
        """
        shell = self._open_shell
        ids = tuple(client_order_id_of(order) for order in orders)
        for client_order_id in ids:
            if shell.core.orders.get(client_order_id) is None:
                raise UsageError(f"no order {client_order_id} is known here")
        tickets, futures = self._tickets(len(ids))
        shell.post(Cancel(tickets, ids))
        return [cast(Outcome, await future) for future in futures]

    async def cancel_all(
        self, symbol: str | None = None, *, kind: InstrumentKind | str | None = None
    ) -> list[Order]:
        """Cancel every open order of *symbol*, of all instruments of *kind* ("option",
        "perpetual", ...), or every one there is.

        In one call where the venue can (`Capability.CANCEL_ACCOUNT`), else
        instrument by instrument. While not live there may be orders that nobody told
        of: then, after the known ones, the venue is asked for all. Returns the orders
        that were open, as they are after the venue answered; those still ending are
        followed. Raises InvalidOrder for an instrument or a kind that does not exist;
        NotSent, MaybeSent or VenueRefused.
        """
        if symbol is not None:
            if kind is not None:
                raise UsageError("cancel_all: give a symbol or a kind, not both")
            if not any(order.symbol == symbol for order in self.orders):
                self.instrument(symbol)
            return await self._cancel_known([symbol])
        wanted = None if kind is None else kind_of(kind)
        was_live, names = self.is_live, self._at_stake(wanted)
        is_one = Capability.CANCEL_ACCOUNT in self._dialect.facts.capabilities
        if is_one and self._dialect.cancel_account(wanted):
            one: list[str | None] = [None] if names or not was_live else []
            return await self._cancel_known(one, wanted)
        ended = await self._cancel_known(names)
        if not was_live:
            core = self._open_shell.core
            await learn_open_orders(core, self._venue_ms(), self._asker("open orders"))
            done = {order.client_order_id for order in ended}
            ended += await self._cancel_known(self._at_stake(wanted, but=done))
        return ended

    def _at_stake(
        self, kind: InstrumentKind | None, but: Collection[str] = ()
    ) -> list[str]:
        """Instruments of a kind that have open orders other than *but*."""
        listed = self.instruments
        return sorted(
            {
                order.symbol
                for order in self.orders
                if order.client_order_id not in but
                and (kind is None or kind_in(listed, order.symbol) is kind)
            }
        )

    async def _cancel_known(
        self, symbols: Sequence[str | None], kind: InstrumentKind | None = None
    ) -> list[Order]:
        shell = self._acting_shell
        covered = self._at_stake(kind) if None in symbols else symbols
        open_orders = [order for order in self.orders if order.symbol in covered]
        waits = []
        for name in symbols:
            ticket, future = shell.new_ticket()
            shell.post(CancelAll(ticket, None if name is None else Symbol(name), kind))
            waits.append(future)
        for future in waits:
            raise_unless_done(await future, "cancel_all")
        await shell.settled([o.client_order_id for o in open_orders])
        return [self.order(o.client_order_id) or o for o in open_orders]

    async def amend(
        self,
        order: OrderRef,
        *,
        qty: Number | None = None,
        price: Number | None = None,
        trigger_price: Number | None = None,
    ) -> Outcome:
        """Change the total quantity (filled part included), the price, the trigger
        price of a conditional order that waits, or several of them.

        Outcome as of `buy`; Rejected (TOO_LATE) if the order had ended. Raises
        UsageError (unknown here, nothing to change), InvalidOrder, Unsupported or,
        for a larger quantity, NotLive before anything is sent; JournalError if the
        new terms cannot be made durable.
        """
        shell = self._open_shell
        client_order_id = client_order_id_of(order)
        told = {"qty": qty, "price": price, "trigger_price": trigger_price}
        changes = {k: decimal_of(v, k) for k, v in told.items() if v is not None}
        if not changes:
            raise UsageError("say what to change: qty, price or trigger_price")
        known = self.order(client_order_id)
        if known is None:
            raise UsageError(f"no order {client_order_id} is known here")
        ticket, future = shell.new_ticket()
        terms = replace(known.terms, **changes)
        shell.post(Amend(ticket, client_order_id, terms))
        return cast(Outcome, await future)

    async def set_leverage(self, symbol: str, leverage: int) -> None:
        """Leverage of an instrument. Raises Unsupported or InvalidOrder before
        anything is sent; NotSent, MaybeSent or VenueRefused."""
        self._need(Capability.SET_LEVERAGE)
        if isinstance(leverage, bool) or not isinstance(leverage, int) or leverage < 1:
            raise InvalidOrder("leverage", leverage, "a whole number from 1")
        name = self.instrument(symbol).symbol
        await self._ask([self._dialect.set_leverage(name, leverage)], "set_leverage")

    async def set_margin_mode(self, symbol: str | None, mode: MarginMode | str) -> None:
        """Cross or isolated margin of an instrument, or (None) of the account.

        Raises as `set_leverage`.
        """
        self._need(Capability.ISOLATED_MARGIN)
        check_margin_scope(symbol, self._dialect.facts)
        try:
            wanted = MarginMode(str(mode).lower())
        except ValueError:
            raise InvalidOrder("margin_mode", mode, "cross or isolated") from None
        name = None if symbol is None else self.instrument(symbol).symbol
        await self._ask([self._dialect.set_margin_mode(name, wanted)], "margin_mode")

    async def set_hedge_mode(self, *, is_hedge: bool) -> None:
        """One-way or hedge mode of the account. Raises as `set_leverage`."""
        self._need(Capability.HEDGE_MODE)
        request = self._dialect.set_hedge_mode(is_hedge=is_hedge)
        await self._ask([request], "hedge_mode")

    async def reconcile(self) -> ReconcileReport:
        """Compare with the venue now and take over what differs.

        Raises Unreachable when that is not possible within `open_timeout_s`.
        """
        shell = self._open_shell
        timeout_s = shell.core.config.open_timeout_s
        ticket, future = shell.new_ticket()
        shell.post(Resync(ticket))
        try:
            async with asyncio.timeout(timeout_s):
                return cast(ReconcileReport, await future)
        except TimeoutError:
            raise Unreachable(
                f"not reconciled within {timeout_s:g} s (state {self.state.value})"
            ) from None

    async def recent_fills(
        self, symbol: str | None = None, *, since_ms: int
    ) -> list[Fill]:
        """Fills as the venue tells them, oldest first; changes no state.

        Of *symbol*, or of all instruments that have an order or a position or that the
        venue's ledger names since then; *since_ms* is UTC. Raises InvalidOrder for an
        instrument that does not exist; NotSent, MaybeSent or VenueRefused.
        """
        core = self._open_shell.core
        now_ms, ask = self._venue_ms(), self._asker("fills", is_merged=False)
        if symbol is None:
            names = await traded_symbols(core, since_ms, now_ms, ask)
        else:
            names = [self.instrument(symbol).symbol]
        return await fills_since(core, names, since_ms, now_ms, ask)

    # --- how ---

    async def _run(self, opened: asyncio.Future[None]) -> None:
        """The session's one task: parts, machine, tasks, and their end."""
        error: BaseException | None = None
        try:
            async with AsyncExitStack() as stack:
                parts = await assemble(self._wishes, stack)
                self._shell = self._wire(parts)
                await self._shell.run(opened, self._stop)
        except BaseExceptionGroup as failures:
            error = first_error(failures)
        except BaseException as failure:
            error = failure
        finally:
            if self._shell is not None:
                self._shell.end(error)
            if not opened.done():
                opened.set_exception(error or SessionClosed("closed while opening"))
        if error is not None and not isinstance(error, ConnectorError):
            raise error

    def _wire(self, parts: Parts) -> Shell:
        self._parts = parts
        return Shell(
            parts,
            journal=parts.journal_writer,
            on_event=self._on_event,
        )

    @property
    def _acting_shell(self) -> Shell:
        shell = self._open_shell
        if shell.is_closed:
            raise SessionClosed("the session is closed")
        return shell

    @property
    def _dialect(self) -> Dialect:
        return self._open_shell.core.dialect

    def _need(self, capability: Capability) -> None:
        if capability not in (facts := self._dialect.facts).capabilities:
            raise Unsupported(facts.name, capability.value)

    def _tickets(self, count: int) -> tuple[tuple[int, ...], list[asyncio.Future[Any]]]:
        pairs = [self._open_shell.new_ticket() for _ in range(count)]
        return tuple(ticket for ticket, _ in pairs), [future for _, future in pairs]

    def _venue_ms(self) -> int:
        shell = self._open_shell
        return shell.core.clock.offset.venue_ns(shell.now()) // NS_PER_MS

    def _asker(self, call: str, *, is_merged: bool = True) -> Asker:
        async def ask(requests: Sequence[Request]) -> tuple[Reply, ...]:
            return await self._ask(requests, call, is_merged=is_merged)

        return ask

    async def _ask(
        self, requests: Sequence[Request], call: str, *, is_merged: bool = True
    ) -> tuple[Reply, ...]:
        shell = self._open_shell
        ticket, future = shell.new_ticket()
        shell.post(Ask(ticket, tuple(requests), is_merged=is_merged))
        replies = cast(tuple[Reply, ...], await future)
        raise_unless_done(replies, call)
        return replies
