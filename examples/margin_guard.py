"""A guard that flattens an account before the venue does.

Watches the margin ratio (maintenance margin / equity; at 1 the venue liquidates) and,
once it is above a limit, cancels every order and closes every position with
reduce-only market orders. Those go through even while the state is not in sync.

It runs beside any bot, on the same account, in a process of its own. To see it work
on paper, let it open a position first: --open 0.05

Run: python examples/margin_guard.py [--ratio 0.5] [--profile paper:binance]
         [--seconds 20] [--open QTY]
"""

import argparse
import asyncio
from contextlib import suppress
from decimal import Decimal

from connector import Session
from connector.errors import ConnectorError
from connector.model.account import Position


async def main(
    profile: str, ratio: str, symbol: str, open_qty: str | None, seconds: float
) -> bool:
    """Guard for *seconds*; returns whether it had to act."""
    limit = Decimal(ratio)
    async with Session(profile) as s:
        if open_qty is not None:
            await s.buy(symbol, open_qty)
        try:
            async with asyncio.timeout(seconds):
                while True:
                    margin = s.margin
                    now = margin.margin_ratio if margin is not None else None
                    if now is not None and now > limit:
                        print(f"margin ratio {now:.4f} is above {limit}: flattening")
                        await flatten(s)
                        return True
                    # Anything may have moved it: a fill, a mark price, a transfer.
                    await s.changed()
        except TimeoutError:
            print(f"the margin ratio stayed below {limit} for {seconds:g} s")
        return False


async def flatten(s: Session) -> None:
    """Cancel everything, close everything, until the account is flat."""
    await s.cancel_all()
    while s.positions:
        for position in s.positions:
            try:
                await _close(s, position)
            except ConnectorError as exc:
                print(f"{position.symbol}: {exc}; trying again")
        await asyncio.sleep(0.2)
    print("flat")


async def _close(s: Session, position: Position) -> None:
    """One market order against one position, in pieces the venue takes."""
    instrument = s.instruments[position.symbol]
    qty = min(abs(position.qty), instrument.market_max_qty)
    act = s.sell if position.qty > 0 else s.buy
    order = await act(
        position.symbol,
        qty,
        reduce_only=True,
        position_side=position.position_side,
    )
    # In doubt or not: reduce-only can never open the other side.
    print(f"{position.symbol}: {order.status.value} {order.filled_qty}/{qty}")
    with suppress(TimeoutError):  # the next round looks at the position again
        await order.wait_done(2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Flatten above a margin ratio.")
    parser.add_argument("--profile", default="paper:binance")
    parser.add_argument("--ratio", default="0.5", help="act above this, 0 to 1")
    parser.add_argument("--symbol", default="BTCUSDT", help="of --open")
    parser.add_argument("--open", dest="open_qty", metavar="QTY", help="buy first")
    parser.add_argument("--seconds", type=float, default=20)
    asyncio.run(main(**vars(parser.parse_args())))
