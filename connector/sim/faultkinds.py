"""What faults a world knows, and how each is caused.

Every method draws its arguments from the tape and says in words what it did; None
or `BadArgument` means that there was nothing to do it to. Faults use what the
simulated venue offers (`connector.paper.control`), the network
(`connector.sim.network`), the journal and the process of the bot.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

from connector.paper.control import BadArgument
from connector.paper.faces import SocketKind
from connector.paper.playbook import Playbook
from connector.paper.server import PaperServer
from connector.runtime.journal_memory import JournalFaults
from connector.sim.bots import on_grid
from connector.sim.link import Connection, Direction
from connector.sim.phases import Phase
from connector.sim.tape import Tape
from connector.sim.world import World

ACCOUNT = "main"
_SOCKETS = ("private", "ws_api", "public")
_FRAMES = ("duplicate", "delay", "reorder", "drop", "corrupt")
_REFUSALS = ("503", "429", "403", "")
_STRANGE = (
    '{"e":"NEVER_HEARD_OF","E":1795341600000,"x":[1,2,{"y":null}]}',
    "[]",
    "not json at all",
    '{"result":null,"id":987654321}',
    "{}",
    '{"e":',
)
"""Frames that no venue means to send, and every venue may."""


class Stage(Protocol):
    """What faults act on."""

    world: World
    server: PaperServer
    playbook: Playbook
    journal_faults: JournalFaults
    consumer_waits_until_s: float
    bot_address: str

    def kill_at_step(self, steps: int, pause_s: float, *, power: bool) -> None:
        """Kill the bot's process after so many turns of the loop, start it again
        after a pause; *power*: what the disk was not told to keep is lost."""

    def kill_at_write(self, writes: int, pause_s: float, *, kept: bool) -> None:
        """Kill the bot's process at a write of its journal, just after it was
        *kept*, or before: then the machine loses power."""

    def step_clock(self, ms: int) -> None:
        """The bot's wall clock jumps."""

    def lag_reads(self, ms: int) -> None:
        """Queries are answered from the past."""

    def venue_says_stop(self) -> None:
        """A ban or a 429: waiting is what the venue asked for."""

    def disk_fails(self) -> None:
        """The journal is full or slow: what is to be kept may be lost."""

    def phase(self) -> Phase:
        """Where the session stands."""

    def price_of(self, symbol: str) -> Decimal:
        """The mark price."""


class FaultKinds:
    """The causes, by name in *table*."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.answers: Counter[str] = Counter()  # presets that were prepared
        self.table: tuple[tuple[str, Callable[[], str | None]], ...] = (
            ("frames", self._frames),
            ("call", self._call),
            ("answer", self._answer),
            ("cut", self._cut),
            ("stall", self._stall),
            ("half_open", self._half_open),
            ("mute", self._mute),
            ("refuse", self._refuse),
            ("hang_up", self._hang_up),
            ("strange", self._strange),
            ("market", self._market),
            ("manual", self._manual),
            ("by_hand", self._by_hand),
            ("money", self._money),
            ("forced", self._forced),
            ("stream_key", self._stream_key),
            ("journal", self._journal),
            ("consumer", self._consumer),
            ("clock", self._clock),
            ("lag", self._lag),
            ("ban", self._ban),
            ("venue_down", self._venue_down),
            ("kill", self._kill),
            ("kill_write", self._kill_write),
            ("own", self._own),
            ("brownout", self._brownout),
        )

    @property
    def _tape(self) -> Tape:
        return self._stage.world.tape

    @property
    def _book(self) -> Playbook:
        return self._stage.playbook

    def _near(self, symbol: str, price: Decimal) -> str:
        return str(on_grid(price, self._book.markets[symbol].tick))

    def _control(self, verb: str, **args: object) -> str:
        self._stage.server.control.apply(verb, args)
        return " ".join([verb, *(f"{k}={v}" for k, v in args.items())])

    def _pick(self, label: str, words: tuple[str, ...]) -> str:
        return words[self._tape.draw(label, len(words))]

    def _kind(self) -> dict[str, str]:
        return {"kind": self._pick("socket", _SOCKETS)}

    def _connection(self) -> Connection | None:
        found = list(self._stage.world.network.connections.values())
        if not found:
            return None
        return found[self._tape.draw("connection", len(found))]

    def _frames(self) -> str:
        verb = self._pick("frames", _FRAMES)
        args: dict[str, object] = {
            **self._kind(),
            "event": self._pick("event", self._book.events),
        }
        if args["kind"] == "ws_api":
            args["event"] = "reply"
        args["times"] = self._tape.draw("times", 4) + 1
        args["hold"] = 20
        if verb == "delay":
            args["ms"] = (self._tape.draw("ms", 32) + 1) * 100
        return self._control(verb, **args)

    def _call(self) -> str:
        verb = self._pick(
            "call",
            (
                "delay_reply",
                "delay_request",
                "lose_request",
                "lose_reply",
                "truncate",
                "hang",
                "hang_after",
            ),
        )
        args: dict[str, object] = {"path": self._pick("path", self._book.calls)}
        args["times"] = self._tape.draw("times", 3) + 1
        if verb.startswith("delay"):
            args["ms"] = (self._tape.draw("ms", 40) + 1) * 400
        return self._control(verb, **args)

    def _answer(self) -> str:
        path = self._pick("path", self._book.calls)
        times = self._tape.draw("times", 3) + 1
        if self._tape.draw("executed", 2):
            preset = self._pick("preset", self._book.executed)
            self.answers[preset] += 1
            return self._control("answer_after", preset=preset, path=path, times=times)
        preset = self._pick("preset", self._book.not_executed)
        self.answers[preset] += 1
        if preset in self._book.stops:
            self._stage.venue_says_stop()
        return self._control("answer", preset=preset, path=path, times=times)

    def _cut(self) -> str | None:
        connection = self._connection()
        if connection is None:
            return None
        way = list(Direction)[self._tape.draw("way", 2)]
        more = self._tape.draw("bytes", 1024)
        is_orderly = bool(self._tape.draw("orderly", 2))
        at = connection.pipe(way).delivered + more
        connection.cut(way, at, orderly=is_orderly)
        return f"#{connection.id} {way.value} after {more} bytes"

    def _stall(self) -> str | None:
        connection = self._connection()
        if connection is None:
            return None
        ways = (Direction.TO_SERVER, Direction.TO_CLIENT, None)
        way = ways[self._tape.draw("way", 3)]
        hold_s = (self._tape.draw("hold", 20) + 1) * 2.0
        connection.stall(way)
        asyncio.get_running_loop().call_later(hold_s, connection.heal, way)
        return f"#{connection.id} {way or 'both ways'} for {hold_s:g} s"

    def _half_open(self) -> str:
        hold_s = (self._tape.draw("hold", 12) + 1) * 2.0
        return self._control("stall", **self._kind(), hold=hold_s)

    def _refuse(self) -> str:
        status = self._pick("status", _REFUSALS)
        args: dict[str, object] = {"status": status} if status else {}
        hold_s = (self._tape.draw("hold", 8) + 1) * 1.0
        kinds = [self._kind()["kind"]]
        return self._control("outage", kinds=kinds, hold=hold_s, **args)

    def _hang_up(self) -> str:
        code = (1001, 1008, 1011, 1012)[self._tape.draw("code", 4)]
        return self._control("hang_up", **self._kind(), code=code, reason="bye")

    def _strange(self) -> str:
        kind = self._kind()["kind"]
        if not self._stage.server.connections_of(SocketKind(kind)):
            raise BadArgument("no socket")
        first = self._tape.draw("body", len(_STRANGE))
        for body in _STRANGE[first:]:
            self._control("inject", kind=kind, body=body)
        return f"{len(_STRANGE) - first} frames on {kind}"

    def _mute(self) -> str:
        hold_s = (self._tape.draw("hold", 16) + 1) * 2
        event = self._pick("event", self._book.events)
        return self._control("mute", kind="private", event=event, hold=hold_s)

    def _market(self) -> str:
        symbol = self._pick("symbol", self._book.symbols)
        price = self._stage.price_of(symbol)
        moved = price * (1000 + self._tape.draw("move", 41) - 20) / 1000
        verb = self._pick("market", ("trade", "mark"))
        return self._control(verb, symbol=symbol, price=self._near(symbol, moved))

    def _manual(self) -> str:
        symbol = self._pick("symbol", self._book.symbols)
        price = self._stage.price_of(symbol)
        args: dict[str, object] = {
            "symbol": symbol,
            "side": self._pick("side", ("BUY", "SELL")),
            "qty": self._book.markets[symbol].by_hand,
        }
        if self._tape.draw("limit", 2):
            off = self._tape.draw("off", 21) - 10
            args["price"] = self._near(symbol, price * (1000 + off) / 1000)
        if self._stage.server.faces[0].engine.is_hedge(ACCOUNT):
            args["position_side"] = self._pick("position_side", ("LONG", "SHORT"))
        return self._control("manual", **args)

    def _by_hand(self) -> str:
        engine = self._stage.server.faces[0].engine
        orders = engine.open_orders(ACCOUNT)
        if not orders:
            raise BadArgument("no order")
        order = orders[self._tape.draw("order", len(orders))]
        return self._control(
            "manual_cancel", symbol=order.symbol, order_id=order.order_id
        )

    def _money(self) -> str:
        if self._tape.draw("money", 2):
            symbol = self._pick("symbol", self._book.symbols)
            rate = self._pick("rate", ("0.0001", "-0.0003"))
            return self._control("funding", symbol=symbol, rate=rate)
        moves = self._book.transfers
        asset, amount = moves[self._tape.draw("amount", len(moves))]
        return self._control("transfer", asset=asset, amount=amount)

    def _forced(self) -> str:
        symbol = self._pick("symbol", self._book.symbols)
        if self._tape.draw("forced", 4) == 3:
            return self._control("liquidate", symbol=symbol)
        for row in self._stage.server.faces[0].engine.positions(ACCOUNT, symbol):
            if row.qty:
                return self._control(
                    "adl",
                    symbol=symbol,
                    qty=str(abs(row.qty)),
                    price=str(row.mark_price),
                    position_side=row.position_side.value,
                )
        raise BadArgument("no position")

    def _stream_key(self) -> str | None:
        verbs = self._book.key_faults
        return self._control(self._pick("key", verbs)) if verbs else None

    def _own(self) -> str | None:
        faults = self._book.own_faults
        if not faults:
            return None
        verb, args = faults[self._tape.draw("own", len(faults))]
        return self._control(verb, **args)

    def _journal(self) -> str:
        faults = self._stage.journal_faults
        hold_s = (self._tape.draw("hold", 10) + 1) * 1.0
        loop = asyncio.get_running_loop()
        self._stage.disk_fails()
        if self._tape.draw("full", 2):
            faults.is_full = True
            loop.call_later(hold_s, setattr, faults, "is_full", False)
            return f"full for {hold_s:g} s"
        faults.delay_s = (self._tape.draw("delay", 20) + 1) * 0.1
        loop.call_later(hold_s, setattr, faults, "delay_s", 0.0)
        return f"slow ({faults.delay_s:g} s) for {hold_s:g} s"

    def _consumer(self) -> str:
        hold_s = (self._tape.draw("hold", 10) + 1) * 1.0
        now_s = asyncio.get_running_loop().time()
        self._stage.consumer_waits_until_s = now_s + hold_s
        return f"reads nothing for {hold_s:g} s"

    def _clock(self) -> str:
        ms = (self._tape.draw("step", 41) - 20) * 250
        if self._tape.draw("whose", 2):
            return self._control("skew", ms=ms)
        self._stage.step_clock(ms)
        return f"the bot's clock steps by {ms} ms"

    def _lag(self) -> str:
        ms = self._lag_ms()
        hold_s = (self._tape.draw("hold", 10) + 1) * 3.0
        self._stage.lag_reads(ms)
        loop = asyncio.get_running_loop()
        loop.call_later(hold_s, self._control, "read_lag")
        return f"reads lag {ms} ms for {hold_s:g} s"

    def _lag_ms(self) -> int:
        """No further than the venue says that its stores may trail."""
        return min((self._tape.draw("lag", 40) + 1) * 1000, self._book.lag_max_ms)

    def _ban(self) -> str | None:
        if not self._book.has_bans:
            return None
        ms = (self._tape.draw("ms", 10) + 1) * 1000
        self._stage.venue_says_stop()
        return self._control("ban", ms=ms, peer=self._stage.bot_address)

    def _venue_down(self) -> str:
        hold_s = (self._tape.draw("hold", 10) + 1) * 1.0
        if self._tape.draw("fill", 2):
            return self._control("outage", hold=hold_s, fill=True)
        return self._control("restart", hold=hold_s)

    def _kill(self) -> str:
        steps = self._tape.draw("step", 200) + 1
        pause_s = self._tape.draw("pause", 6) * 1.0
        power = bool(self._tape.draw("power", 2))
        self._stage.kill_at_step(steps, pause_s, power=power)
        word = "the machine loses power" if power else "kill -9"
        return f"{word} in {steps} steps, back after {pause_s:g} s"

    def _brownout(self) -> str:
        """The venue takes orders and tells nobody: no answers, no events, old reads."""
        hold_s = (self._tape.draw("hold", 8) + 1) * 2.0
        lag_ms = self._lag_ms()
        hides = bool(self._tape.draw("hides", 2))
        verb = self._pick("call", ("hang_after", "lose_reply", "delay_request"))
        args = {"ms": 2000} if verb == "delay_request" else {}
        self._stage.lag_reads(lag_ms)
        loop = asyncio.get_running_loop()
        loop.call_later(hold_s * 2, self._control, "read_lag")
        if hides:
            self._control("mute", kind="private", event="", hold=hold_s)
        calls = self._book.placing
        method, path = calls[self._tape.draw("path", len(calls))]
        self._control(verb, method=method, path=path, times=3, **args)
        word = "hides" if hides else "tells"
        return f"{verb} on {path}, reads lag {lag_ms} ms, {word} events, {hold_s:g} s"

    def _kill_write(self) -> str:
        writes = self._tape.draw("write", 12) + 1
        pause_s = self._tape.draw("pause", 6) * 1.0
        kept = bool(self._tape.draw("kept", 2))
        self._stage.kill_at_write(writes, pause_s, kept=kept)
        word = "kept it" if kept else "lost it with the power"
        return (
            f"kill in {writes} journal writes, which {word}, back after {pause_s:g} s"
        )
