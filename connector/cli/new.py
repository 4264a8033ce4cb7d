"""``connector new bot.py``: a first bot to change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from connector.cli.output import Output
from connector.config.defaults import DEFAULT_VENUE
from connector.errors import UsageError


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(new)


def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Must not exist yet.")],
    as_json: Annotated[bool, typer.Option("--json", help="Say it in JSON.")] = False,
) -> None:
    """Write a commented bot of twenty lines, ready to run on paper."""
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(BOT)
    except FileExistsError:
        raise UsageError(
            f"{file} exists and was left as it is. Next: choose another name"
        ) from None
    except OSError as exc:
        raise UsageError(f"{file}: cannot be written: {exc.strerror}") from None
    out = Output(as_json=as_json)
    out.record({"type": "file", "file": str(file)}, f"wrote {file}")
    out.say(f"Next: python {file}")


_V = DEFAULT_VENUE
BOT = f'''\
"""A bot of twenty lines: buy a little below the market, tell what happens.

Runs on a simulated venue. For the venue's test network or real money change one
string: Session("testnet:{_V}"), Session("live:{_V}"); the key comes from
`connector keys add`. Stops after --seconds and cancels what it left open.
"""

import argparse
import asyncio

from connector import Session, event_dict


async def main(profile: str, symbol: str, seconds: float) -> None:
    # Entered when signed in, subscribed and equal to the venue; else it raises.
    async with Session(profile) as s:
        mark, tick = s.mark_price(symbol), s.instruments[symbol].tick_size
        assert mark is not None, "the venue told no mark price"
        # 600 ticks below, on the grid of the instrument: prices are exact decimals.
        price = mark - mark % tick - 600 * tick
        order = await s.buy(symbol, "0.010", limit=price)
        # Accepted, Rejected or InDoubt: never a guess.
        print(order, type(order.outcome).__name__)
        try:
            async with asyncio.timeout(seconds):
                async for event in s.events():  # fills, orders, margin, gaps, ...
                    print(event_dict(event))
        except TimeoutError:
            await s.cancel_all(symbol)  # goes through even while not in sync
        print("positions", s.positions)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--profile", default="paper:{_V}")
    options.add_argument("--symbol", default="BTCUSDT")
    options.add_argument("--seconds", type=float, default=10)
    asyncio.run(main(**vars(options.parse_args())))
'''
