"""Proving that the engine's working state and the ledger say the same.

Slow (it looks at everything); for tests and simulations, after every operation.
"""

from __future__ import annotations

from decimal import Decimal

from connector.paper.engine.state import AccountState, SymbolState, World
from connector.paper.ledger import HOUSE, LedgerError
from connector.paper.types import ZERO
from connector.paper.words import ContractKind, PositionSide, Side


def audit(world: World) -> None:
    """Raise `LedgerError` naming the first thing that does not tie out."""
    world.ledger.check()
    for asset in {item.settle for item in world.instruments.values()}:
        symbols = frozenset(
            item.symbol
            for item in world.instruments.values()
            # Premiums are paid at once: nothing is owed for an open option.
            if item.settle == asset and item.kind is not ContractKind.OPTION
        )
        world.ledger.check_clearing(asset, symbols)
    for account in (*world.accounts.values(), world.house):
        _audit_money(world, account)
        for state in account.symbols.values():
            _audit_positions(world, account, state)
            _audit_orders(world, account, state)
    for symbol in world.instruments:
        _audit_book(world, symbol)


def _same(what: str, expected: object, actual: object) -> None:
    if expected != actual:
        raise LedgerError(f"{what}: expected {expected}, found {actual}")


def _audit_money(world: World, account: AccountState) -> None:
    name = account.account_id
    for asset, amount in account.wallets.items():
        _same(f"{asset} of {name}", world.ledger.wallet(name, asset), amount)
    if name == HOUSE:
        return
    for asset, amount in account.wallets.items():
        entries = sum((i.amount for i in account.income if i.asset == asset), ZERO)
        _same(f"income of {name} in {asset}", entries, amount)


def _audit_positions(world: World, account: AccountState, state: SymbolState) -> None:
    name, symbol = account.account_id, state.instrument.symbol
    for side, position in state.positions.items():
        what = f"{symbol} {side} of {name}"
        _same(what, world.ledger.position(name, symbol, side), position.qty)
        cost = world.ledger.cost(name, symbol, side)
        _same(f"cost of {what}", cost, position.cost)
        if not position.qty:
            _same(f"isolated wallet of {what}", ZERO, position.isolated_wallet)
        if side is not PositionSide.BOTH:
            wrong = Side.SELL if side is PositionSide.LONG else Side.BUY
            assert position.qty * wrong.sign <= 0, f"{what} flipped"
    if name != HOUSE:
        is_held = any(position.qty for position in state.positions.values())
        _same(f"holder {name}", is_held, name in world.holders[symbol])


def _audit_orders(world: World, account: AccountState, state: SymbolState) -> None:
    name, symbol = account.account_id, state.instrument.symbol
    sums: dict[tuple[PositionSide, Side], Decimal] = {}
    reducing: dict[tuple[PositionSide, Side], Decimal] = {}
    for order in state.orders.values():
        key = (order.request.position_side, order.side)
        assert order.status.is_open, f"closed order {order.order_id} among open ones"
        assert order.order_id in account.open_orders, "indexes of open orders differ"
        held = world.books[symbol].side(order.side).holds(order)
        _same(f"order {order.order_id} rests", True, held)
        value = order.open_notional(order.remaining, order.price)
        sums[key] = sums.get(key, ZERO) + value
        if order.is_reducing:
            reducing[key] = reducing.get(key, ZERO) + order.remaining
    for key, amount in state.open_notional.items():
        _same(f"open notional {key} of {name}", sums.get(key, ZERO), amount)
    for key, amount in state.reducing_qty.items():
        _same(f"reducing {key} of {name}", reducing.get(key, ZERO), amount)
        reducible = state.position(key[0]).reducible(key[1])
        assert amount <= reducible, f"{key} of {name} could reverse the position"


def _audit_book(world: World, symbol: str) -> None:
    book = world.books[symbol]
    for side in Side:
        before: Decimal | None = None
        for level in book.side(side).levels():
            total = sum((item.remaining for item in level.orders.values()), ZERO)
            _same(f"level {level.price} of {symbol}", total, level.qty)
            if before is not None:
                assert (before - level.price) * side.sign > 0, "levels out of order"
            before = level.price
    bid, ask = book.bids.best(), book.asks.best()
    if bid is not None and ask is not None:
        assert bid.price < ask.price, f"book of {symbol} is crossed"
