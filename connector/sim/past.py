"""A world that began before the bot: orders, positions and fills of another hand."""

from __future__ import annotations

from random import Random

from connector.paper.control import BadArgument
from connector.paper.playbook import Playbook
from connector.paper.server import PaperServer
from connector.sim.bots import on_grid

_ACCOUNT = "main"


def make_past(server: PaperServer, book: Playbook, random: Random) -> None:
    """Trade on *server* by hand: some orders fill, some rest."""
    engine = server.faces[0].engine
    for _ in range(random.randint(1, 6)):
        symbol = random.choice(book.symbols)
        args = {
            "symbol": symbol,
            "side": random.choice(("BUY", "SELL")),
            "qty": book.markets[symbol].by_hand,
        }
        if random.random() < 0.6:
            off = random.randint(-20, 20)
            price = engine.quote(symbol).mark * (1000 + off) / 1000
            args["price"] = str(on_grid(price, book.markets[symbol].tick))
        if engine.is_hedge(_ACCOUNT):
            args["position_side"] = random.choice(("LONG", "SHORT"))
        try:
            server.control.apply("manual", args)
        except BadArgument:
            continue  # it would close what is not there
