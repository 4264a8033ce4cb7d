"""What a session shows: synchronous reads of the state, live objects with an age."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connector.core.collateral import greeks_of
from connector.core.rules import instrument_of
from connector.errors import SessionClosed
from connector.model.account import Balance, Greeks, Margin, Position
from connector.model.events import LinkState, ReconcileReport
from connector.model.ids import ClientOrderId, Symbol
from connector.model.instrument import Instrument
from connector.model.order import Order, OrderIntent, PositionSide
from connector.session.events import EventStream
from connector.session.latency import Histogram
from connector.session.opening import Parts
from connector.session.preview import preview
from connector.session.shell import Shell
from connector.session.stats import exposure_of, stats

NOT_OPEN = "the session is not open: `async with Session(...)`"


class Reading:
    """Reads of one session; before it is open they raise SessionClosed, after it was
    closed they show its last state."""

    _parts: Parts | None = None
    _shell: Shell | None = None

    def events(self) -> EventStream:
        """Events from now on; overflow leads to a re-sync, never to loss."""
        shell = self._open_shell
        return shell.audience.subscribe(shell.core.config.event_queue_max)

    async def changed(self) -> None:
        """Return when anything has happened."""
        await self._open_shell.changed()

    @property
    def orders(self) -> list[Order]:
        """Orders that rest, or may rest, at the venue; in-doubt ones included."""
        return self._open_shell.core.orders.snapshots(only_open=True)

    def order(self, client_order_id: str) -> Order | None:
        """One order, also a closed one while it is remembered."""
        tracked = self._open_shell.core.orders.get(ClientOrderId(client_order_id))
        return tracked.snapshot() if tracked is not None else None

    @property
    def positions(self) -> list[Position]:
        """Positions that are not flat, with live numbers."""
        return self._open_shell.core.account.positions()

    def position(
        self, symbol: str, position_side: PositionSide = PositionSide.NET
    ) -> Position | None:
        """One position, also when it is flat; None if never heard of."""
        key = (Symbol(symbol), position_side)
        return self._open_shell.core.account.position(key)

    @property
    def balances(self) -> Mapping[str, Balance]:
        """Wallets by asset."""
        return dict(self._open_shell.core.account.balances)

    @property
    def margin(self) -> Margin | None:
        """The account's margin; None when it cannot be computed."""
        shell = self._open_shell
        return shell.core.account.margin(self.orders, shell.now())

    @property
    def greeks(self) -> Mapping[str, Greeks]:
        """Delta, gamma, vega and theta by settlement currency, live; delta counts
        futures too. Empty where the venue tells none; a venue may sum up options
        alone, by the coin they are on."""
        account = self._open_shell.core.account
        return greeks_of(account.collaterals, self.positions, account.instruments)

    def exposure(self, symbol: str) -> tuple[Decimal, Decimal]:
        """Lowest and highest signed position that open orders can lead to.

        Orders in doubt count as open. Raises InvalidOrder for an instrument that
        does not exist: a misspelt name must not look like "nothing at risk".
        """
        orders, positions = self.orders, self.positions
        known = {order.symbol for order in orders}
        if symbol not in known.union(position.symbol for position in positions):
            symbol = self.instrument(symbol).symbol
        return exposure_of(positions, orders, symbol)

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """What can be traded, by symbol."""
        return {str(s): i for s, i in self._open_shell.core.account.instruments.items()}

    def instrument(self, symbol: str) -> Instrument:
        """The rules of one instrument; InvalidOrder, naming close ones, if the venue
        has none of that name."""
        core = self._open_shell.core
        return instrument_of(core.account.instruments, symbol, core.dialect.facts)

    def mark_price(self, symbol: str) -> Decimal | None:
        """Newest known mark price; live while there is an order or a position.
        Raises InvalidOrder for an instrument that does not exist."""
        name = self.instrument(symbol).symbol
        return self._open_shell.core.account.mark_of(name)

    @property
    def state(self) -> LinkState:
        """Where the private channel stands."""
        shell = self._shell
        if shell is None or shell.is_closed:
            return LinkState.DISCONNECTED
        return shell.core.state

    @property
    def is_live(self) -> bool:
        """Local state equals the venue's, up to messages in flight."""
        return self.state is LinkState.LIVE

    @property
    def age_s(self) -> float:
        """0 while live, else seconds since the state could last be trusted."""
        shell = self._open_shell
        return shell.core.trust.age_s(shell.now())

    @property
    def last_report(self) -> ReconcileReport | None:
        """The newest reconciliation that had something to tell."""
        return self._open_shell.core.trust.last_report

    @property
    def environment(self) -> str:
        """``paper``, ``testnet`` or ``live``."""
        return self._open_parts.profile.environment

    def stats(self) -> dict[str, Any]:
        """Numbers about channels, clock, limits and counters, for display."""
        return stats(self._open_shell, self._open_parts)

    @property
    def latency(self) -> Mapping[str, Histogram]:
        """How long things take, by name; see `connector.session.latency`."""
        return self._open_shell.latency.histograms()

    def preview(
        self, intent: OrderIntent, *, at_ms: int | None = None
    ) -> dict[str, Any]:
        """The exact signed request for *intent*, without sending it."""
        return preview(self._open_shell, self._open_parts, intent, at_ms)

    # --- how ---

    @property
    def _open_shell(self) -> Shell:
        if self._shell is None:
            raise SessionClosed(NOT_OPEN)
        return self._shell

    @property
    def _open_parts(self) -> Parts:
        if self._parts is None:
            raise SessionClosed(NOT_OPEN)
        return self._parts
