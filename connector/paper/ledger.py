"""The truth about every account, kept apart from what is sent to anybody.

The engine writes every fact here once: orders at each change, fills, and money.
Money is double entry: what an account gets, somebody gives. Profit is settled
with the clearing book, whose balance is the cost of all open positions; fees and
the insurance fund have books of their own, deposits come from outside. Laws and
tests compare the outside world with `Ledger.state`; `Ledger.check` proves that
the books are whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from connector.paper.types import ZERO, Fill, Order
from connector.paper.words import IncomeType, OrderStatus, PositionSide

HOUSE = "~house"
FEES = "~fees"
INSURANCE = "~insurance"
OUTSIDE = "~outside"
CLEARING = "~clearing"
FUNDING = "~funding"

PositionKey = tuple[str, PositionSide]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Money moved from *payer* to *account_id*; ``amount`` is signed."""

    account_id: str
    payer: str
    asset: str
    amount: Decimal
    type: IncomeType
    symbol: str
    trade_id: int
    time_ms: int


Fact = Order | Fill | Entry


class LedgerError(AssertionError):
    """The books do not tie out: a mistake of ours, never of a user."""


class Ledger:
    """Append-only facts per account."""

    def __init__(self) -> None:
        self._facts: dict[str, list[Fact]] = defaultdict(list)
        self._orders: dict[str, dict[int, Order]] = defaultdict(dict)
        self._fills: dict[str, list[Fill]] = defaultdict(list)
        self._wallets: dict[str, dict[str, Decimal]] = defaultdict(dict)
        self._qty: dict[str, dict[PositionKey, Decimal]] = defaultdict(dict)
        self._cost: dict[str, dict[PositionKey, Decimal]] = defaultdict(dict)
        self._moved: dict[str, Decimal] = defaultdict(lambda: ZERO)

    # writing ---------------------------------------------------------------
    def write_order(self, order: Order) -> None:
        """Record the state of *order* after a change."""
        before = self._orders[order.account_id].get(order.order_id)
        if before is not None:
            assert before.status.is_open, "a closed order changed"
            assert order.filled_qty >= before.filled_qty, "filled quantity fell"
        self._orders[order.account_id][order.order_id] = order
        self._facts[order.account_id].append(order)

    def write_fill(self, fill: Fill) -> None:
        """Record one side of a trade (for the house too)."""
        name, key = fill.account_id, (fill.symbol, fill.position_side)
        self._fills[name].append(fill)
        self._facts[name].append(fill)
        signed = fill.qty * fill.side.sign
        self._qty[name][key] = self._qty[name].get(key, ZERO) + signed
        flow = fill.quote_qty * fill.side.sign * fill.flow_sign
        cost = flow + fill.realized_pnl
        self._cost[name][key] = self._cost[name].get(key, ZERO) + cost

    def write_entry(self, entry: Entry) -> None:
        """Record money, on the books of both."""
        self._facts[entry.account_id].append(entry)
        for name, amount in (
            (entry.account_id, entry.amount),
            (entry.payer, -entry.amount),
        ):
            wallet = self._wallets[name]
            wallet[entry.asset] = wallet.get(entry.asset, ZERO) + amount

    def write_move(
        self, account_id: str, key: PositionKey, qty: Decimal, cost: Decimal
    ) -> None:
        """Record what changed a position without a trade: a settlement its cost, a
        delivery both."""
        self._qty[account_id][key] = self._qty[account_id].get(key, ZERO) + qty
        self._cost[account_id][key] = self._cost[account_id].get(key, ZERO) + cost
        self._moved[key[0]] += qty

    def write_transfer(
        self, to: str, payer: str, asset: str, amount: Decimal, symbol: str, at_ms: int
    ) -> None:
        """Move money between two books that no account sees."""
        self.write_entry(
            Entry(
                account_id=to,
                payer=payer,
                asset=asset,
                amount=amount,
                type=IncomeType.REALIZED_PNL,
                symbol=symbol,
                trade_id=0,
                time_ms=at_ms,
            )
        )

    # reading ---------------------------------------------------------------
    def facts(self, account_id: str) -> Iterator[Fact]:
        """Every fact of an account, oldest first."""
        return iter(self._facts[account_id])

    def wallet(self, account_id: str, asset: str) -> Decimal:
        """Sum of all money entries."""
        return self._wallets[account_id].get(asset, ZERO)

    def position(self, account_id: str, symbol: str, side: PositionSide) -> Decimal:
        """Sum of all fills, signed."""
        return self._qty[account_id].get((symbol, side), ZERO)

    def cost(self, account_id: str, symbol: str, side: PositionSide) -> Decimal:
        """What the open position cost, signed; entry price times quantity."""
        return self._cost[account_id].get((symbol, side), ZERO)

    def state(self, account_id: str) -> dict[str, object]:
        """Everything about an account as JSON-able values, amounts as plain text.

        ``orders`` by order id (text), ``fills`` oldest first, ``positions`` by
        "SYMBOL:SIDE" (flat ones left out), ``balances`` by asset.
        """
        return {
            "orders": {
                str(order_id): _order_state(order)
                for order_id, order in self._orders[account_id].items()
            },
            "fills": [_fill_state(fill) for fill in self._fills[account_id]],
            "positions": {
                f"{symbol}:{side}": _plain(qty)
                for (symbol, side), qty in sorted(self._qty[account_id].items())
                if qty
            },
            "balances": {
                asset: _plain(amount)
                for asset, amount in sorted(self._wallets[account_id].items())
            },
        }

    # proof -----------------------------------------------------------------
    def check(self) -> None:
        """Prove the books whole; raises `LedgerError`.

        Every order's filled quantity is the sum of its fills; per symbol all
        positions sum to zero; per asset all money sums to zero.
        """
        filled: dict[int, Decimal] = defaultdict(lambda: ZERO)
        net: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for name, fills in self._fills.items():
            for fill in fills:
                if name != HOUSE:
                    filled[fill.order_id] += fill.qty
                net[fill.symbol] += fill.qty * fill.side.sign
        for symbol, qty in self._moved.items():
            net[symbol] += qty
        for symbol, qty in net.items():
            _demand(f"net position of {symbol}", ZERO, qty)
        for orders in self._orders.values():
            for order in orders.values():
                what = f"fills of order {order.order_id}"
                _demand(what, order.filled_qty, filled[order.order_id])
                if order.status is OrderStatus.FILLED:
                    _demand(f"order {order.order_id}", order.qty, order.filled_qty)
        money: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for wallet in self._wallets.values():
            for asset, amount in wallet.items():
                money[asset] += amount
        for asset, amount in money.items():
            _demand(f"all {asset}", ZERO, amount)

    def check_clearing(self, asset: str, symbols: frozenset[str]) -> None:
        """The clearing book of *asset* owes the cost of all positions in *symbols*."""
        cost = sum(
            (
                cost
                for costs in self._cost.values()
                for (symbol, _), cost in costs.items()
                if symbol in symbols
            ),
            ZERO,
        )
        _demand(f"clearing in {asset}", -cost, self.wallet(CLEARING, asset))


def _demand(what: str, expected: Decimal, actual: Decimal) -> None:
    if expected != actual:
        raise LedgerError(f"{what}: expected {expected}, found {actual}")


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _order_state(order: Order) -> dict[str, str]:
    return {
        "client_order_id": order.client_order_id,
        "symbol": order.symbol,
        "side": order.side.value,
        "type": order.type.value,
        "position_side": order.position_side.value,
        "status": order.status.value,
        "end_reason": order.end_reason.value,
        "kind": order.kind.value,
        "qty": _plain(order.qty),
        "price": _plain(order.price),
        "filled_qty": _plain(order.filled_qty),
        "filled_quote": _plain(order.filled_quote),
    }


def _fill_state(fill: Fill) -> dict[str, str]:
    return {
        "symbol": fill.symbol,
        "order_id": str(fill.order_id),
        "trade_id": str(fill.trade_id),
        "client_order_id": fill.client_order_id,
        "side": fill.side.value,
        "position_side": fill.position_side.value,
        "qty": _plain(fill.qty),
        "price": _plain(fill.price),
        "commission": _plain(fill.commission),
        "realized_pnl": _plain(fill.realized_pnl),
        "kind": fill.kind.value,
        "is_maker": "true" if fill.is_maker else "false",
    }
