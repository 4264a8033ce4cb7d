"""A tiny venue that keeps its word, a network that does not, and a machine that must
equal the venue at the end, whatever happened in between."""

from __future__ import annotations

import random
from typing import Any

import pytest

from connector.dialect.facts import OrderFact
from connector.dialect.wire import Verdict
from connector.model.order import OrderStatus, Side

S = OrderStatus
COMMANDS = ("place", "cancel", "amend")


class Chaos:
    """One seed: random wishes, answers, trades, losses and restarts."""

    def __init__(self, story: Any, seed: int) -> None:
        self.story = story
        self.rng = random.Random(seed)
        self.desk = story.Desk(echo_budget_s=2.0)
        self.desk.core.restore([], self.desk.now)
        self.desk.open()
        self.told: list[str] = []
        self.count = 0
        self.said: list[Any] = []
        self.runs = 0

    # --- the venue ---

    def _of(self, request: Any) -> OrderFact | None:
        for fact in self.desk.book.orders.values():
            if fact.client_order_id == request.client_order_id:
                found: OrderFact = fact
                return found
        return None

    def _say(self, *facts: Any) -> None:
        """Facts on the stream, which loses nothing while it is up."""
        if self.desk.core.link.is_ready:
            self.desk.push(*facts)
            self.said.append(facts)

    def _state(self, old: OrderFact, status: OrderStatus, **given: Any) -> OrderFact:
        values = {"qty": old.qty, "price": old.price, "side": old.side, **given}
        filled = str(values.pop("filled", old.filled_qty))
        client, venue = old.client_order_id, old.venue_order_id
        fact: OrderFact = self.desk.state(client, venue, status, filled, **values)
        return fact

    def _execute(self, op: str, request: Any) -> OrderFact | None:
        """The venue carries the command out; None if it refuses."""
        known = self._of(request)
        if op == "place" and known is None:
            tracked = self.desk.core.orders.get(request.client_order_id)
            assert tracked is not None
            self.count += 1
            terms = {"qty": tracked.qty, "side": tracked.side}
            fact: OrderFact = self.desk.state(
                request.client_order_id, f"v{self.count}", **terms
            )
            return fact
        if known is None or known.status.is_terminal:
            return None
        if op == "cancel":
            return self._state(known, S.CANCELED)
        return self._state(
            known, known.status, qty=self.story.D(request.context["qty"])
        )

    def trade(self) -> None:
        """Something fills."""
        book = self.desk.book
        open_orders = [o for o in book.orders.values() if not o.status.is_terminal]
        if not open_orders:
            return
        old = self.rng.choice(open_orders)
        left = old.qty - old.filled_qty
        part = left if self.rng.random() < 0.5 else left / 2
        filled = old.filled_qty + part
        self.count += 1
        fill = self.desk.fill(
            old.client_order_id,
            old.venue_order_id,
            f"t{self.count}",
            str(part),
            side=old.side,
        )
        status = S.FILLED if filled == old.qty else S.PARTIALLY_FILLED
        state = self._state(old, status, filled=filled)
        total = sum(f.qty * f.side.sign for f in book.fills)
        facts = [state, fill, self.desk.position(str(total))]
        if self.rng.random() < 0.3:
            self.rng.shuffle(facts)
        if self.rng.random() < 0.5:
            self._say(*facts)
        else:
            for fact in facts:
                self._say(fact)

    # --- everything else ---

    def wish(self) -> None:
        """Buy, sell, cancel or amend something."""
        desk, rng = self.desk, self.rng
        orders = [t.client_order_id for t in desk.core.orders.open()]
        kind = rng.choice(("buy", "sell", "cancel", "amend"))
        if kind in ("buy", "sell"):
            side = Side.BUY if kind == "buy" else Side.SELL
            desk.submit(desk.intent(qty=str(rng.choice((1, 2))), side=side))
        elif orders and kind == "cancel":
            desk.cancel(rng.choice(orders))
        elif orders:
            desk.amend(rng.choice(orders), "3", "100")

    def answer(self) -> None:
        """The venue answers a command, or the network loses it either way."""
        desk, rng, story = self.desk, self.rng, self.story
        waiting = [op for op in COMMANDS if desk.open_calls(op)]
        if not waiting:
            return
        op = rng.choice(waiting)
        request = desk.calls[desk.open_calls(op)[0]]
        fate = rng.random()
        if fate < 0.15:
            desk.fail(op, maybe_sent=True)  # lost on the way there
            return
        fact = self._execute(op, request)
        if fact is not None and rng.random() < 0.5:
            self._say(fact)
            fact, told = None, fact
        else:
            told = fact
        if fate < 0.35:
            desk.fail(op, maybe_sent=True)  # lost on the way back
        elif told is None:
            refusal = Verdict.REJECTED if op == "place" else Verdict.NOT_OPEN
            desk.answer(op, story.no(refusal))
        elif fate < 0.6:
            desk.answer(op, story.no(Verdict.PROCESSING))
        else:
            desk.answer(op, story.ok(told))
        if fact is not None:
            self._say(fact)

    def restart(self) -> None:
        """Killed and started again; what was under way is lost."""
        self.told += self.desk.fills_told()
        self.runs += 1
        self.desk = self.story.reborn(
            self.desk, id_prefix=f"r{self.runs}x", echo_budget_s=2.0
        )
        self.desk.feed(self.story.Start())
        self.desk.wait(3)

    def step(self) -> None:
        """One of everything that can happen."""
        roll = self.rng.random()
        if roll < 0.3:
            self.wish()
        elif roll < 0.6:
            self.answer()
        elif roll < 0.8:
            self.trade()
        elif roll < 0.86 and self.said:
            self.desk.push(*self.rng.choice(self.said))
        elif roll < 0.9:
            self.desk.drop()
        elif roll < 0.92:
            self.restart()
        else:
            self.desk.wait(self.rng.choice((0.1, 1.0, 7.0)))

    def heal(self) -> None:
        """The network works; every command is answered truthfully."""
        for _ in range(60):
            while any(self.desk.open_calls(op) for op in COMMANDS):
                for op in COMMANDS:
                    if self.desk.open_calls(op):
                        request = self.desk.calls[self.desk.open_calls(op)[0]]
                        fact = self._execute(op, request)
                        if fact is None:
                            verdict = Verdict.NOT_OPEN
                            self.desk.answer(op, self.story.no(verdict))
                        else:
                            self.desk.answer(op, self.story.ok(fact))
                            self._say(fact)
            self.desk.wait(5)


@pytest.mark.parametrize("seed", range(25))
def test_the_machine_equals_the_venue_at_the_end(story: Any, seed: int) -> None:
    """Laws 1, 2, 5 and 6: orders, fills and the position; told once; nothing in
    doubt; the journal replays to the same state."""
    chaos = Chaos(story, seed)
    for _ in range(120):
        chaos.step()
    chaos.heal()
    desk = chaos.desk
    core = desk.core
    assert core.is_live
    told = [*chaos.told, *desk.fills_told()]
    assert sorted(told) == sorted(f.trade_id for f in desk.book.fills)
    assert desk.held_qty() == sum(f.qty * f.side.sign for f in desk.book.fills)
    assert core.account.position_mismatches() == []
    for fact in desk.book.orders.values():
        tracked = core.orders.find(fact.symbol, fact.venue_order_id)
        assert tracked is not None
        assert (tracked.status, tracked.filled_qty) == (fact.status, fact.filled_qty)
    resting = [o for o in desk.book.orders.values() if not o.status.is_terminal]
    assert len(core.orders.open()) == len(resting)
    assert core.outcomes.all() == []
    clients = [o.client_order_id for o in desk.book.orders.values()]
    assert len(set(clients)) == len(clients)
    assert story.reborn(desk).core.state_hash() == core.state_hash()
