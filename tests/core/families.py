"""One trader on every family of venue: how orders are acknowledged, whether the
account is hedged, and whether positions carry a sequence number.

Stories are told in the trader's words; the family decides what travels on the wire,
and in which order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Any

import core_story as story

from connector.dialect import Sequencing
from connector.dialect.facts import FillFact, OrderFact, PositionFact, SettingFact
from connector.dialect.wire import Verdict
from connector.model.events import FillEvent, Gap
from connector.model.order import OrderStatus, PositionSide, Side

D = story.D


class Ack(StrEnum):
    """How a venue answers a command that it takes."""

    FINAL = "final"  # the reply tells the state, the stream repeats it
    PUSH_FIRST = "push_first"  # the stream is faster than the reply
    BARE = "bare"  # the reply says yes and nothing else
    PROCESSING = "processing"  # the reply says received; the stream tells the fate


@dataclass(frozen=True)
class Family:
    """One kind of venue and account."""

    ack: Ack
    is_hedged: bool
    is_sequenced: bool

    def __str__(self) -> str:
        mode = "hedge" if self.is_hedged else "oneway"
        return f"{self.ack}-{mode}-{'seq' if self.is_sequenced else 'time'}"


FAMILIES = [Family(*kinds) for kinds in product(Ack, (False, True), (False, True))]


class Trader:
    """A live desk of one family, with the words to tell a story on it."""

    def __init__(self, family: Family, **config: Any) -> None:
        self.family = family
        kind = Sequencing.PER_SYMBOL if family.is_sequenced else Sequencing.TIME
        facts = {
            "sequencing": kind,
            "ack_is_final": family.ack is not Ack.PROCESSING,
        }
        self.desk = desk = story.Desk(facts=facts, **config)
        setting = story.ok(SettingFact(is_hedge_mode=family.is_hedged))
        desk.answers["settings"] = lambda request: setting
        desk.open()
        self._version = 0
        self._sides: dict[str, tuple[Side, PositionSide]] = {}

    # --- what is asked for ---

    def place(self, qty: str = "1", side: Side = Side.BUY, **given: Any) -> int:
        """Ask for an order of the long position; its ticket."""
        intent = self.desk.intent(
            qty=qty, side=side, **{"position_side": self.long, **given}
        )
        (ticket,) = self.desk.submit(intent)
        return ticket

    @property
    def long(self) -> PositionSide:
        """The position that a buy opens."""
        return PositionSide.LONG if self.family.is_hedged else PositionSide.NET

    @property
    def short(self) -> PositionSide:
        """The position that a sell opens."""
        return PositionSide.SHORT if self.family.is_hedged else PositionSide.NET

    # --- what the venue says ---

    def state(
        self,
        client: str | None,
        venue: str,
        status: OrderStatus = OrderStatus.NEW,
        filled: str = "0",
        **given: Any,
    ) -> OrderFact:
        """The venue's word about an order."""
        values = {"position_side": self.long, **given}
        return self.desk.state(client, venue, status, filled, **values)

    def fill(
        self, client: str | None, venue: str, trade: str, qty: str, **given: Any
    ) -> FillFact:
        """One execution."""
        values = {"position_side": self.long, **given}
        return self.desk.fill(client, venue, trade, qty, **values)

    def position(self, qty: str, **given: Any) -> PositionFact:
        """The venue's word about the long position, or another *side*."""
        self._version += 1
        version = self._version if self.family.is_sequenced else None
        values = {"side": self.long, "version": version, **given}
        return self.desk.position(qty, **values)

    def says_yes(self, op: str, *facts: Any) -> None:
        """The venue takes the oldest open command, in its own way."""
        desk = self.desk
        states = [fact for fact in facts if isinstance(fact, OrderFact)]
        match self.family.ack:
            case Ack.FINAL:
                desk.answer(op, story.ok(*states[:1]))
                desk.push(*facts)
            case Ack.PUSH_FIRST:
                desk.push(*facts)
                desk.answer(op, story.ok(*states[:1]))
            case Ack.BARE:
                desk.answer(op, story.ok())
                desk.push(*facts)
            case Ack.PROCESSING:
                desk.answer(op, story.no(Verdict.PROCESSING, "received"))
                desk.push(*facts)

    def open_order(self, venue: str = "v1", qty: str = "1", **given: Any) -> str:
        """A resting order; its client id."""
        before = {tracked.client_order_id for tracked in self.desk.core.orders.all()}
        self.place(qty, **given)
        (client,) = (
            tracked.client_order_id
            for tracked in self.desk.core.orders.all()
            if tracked.client_order_id not in before
        )
        side = given.get("side", Side.BUY)
        self.says_yes("place", self.state(client, venue, qty=D(qty), side=side))
        return client

    # --- what must hold at the end ---

    def held(self, side: PositionSide | None = None) -> Any:
        """The position that is shown."""
        return self.desk.core.account.position_qty((story.BTC, side or self.long))

    def check(self, *, trades: tuple[str, ...], gaps: int = 0) -> None:
        """After all audits: every trade was told once, everything ties out, the
        state is live, *gaps* gaps were opened and the journal replays to the same."""
        desk = self.desk
        desk.wait(120)
        core = desk.core
        told = [event.fill.trade_id for event in desk.told(FillEvent)]
        assert sorted(told) == sorted(trades)
        assert core.account.position_mismatches() == []
        assert [t for t in core.orders.all() if t.missing_fills] == []
        assert core.is_live
        assert [gap.reason for gap in desk.told(Gap)][gaps:] == []
        assert len(desk.told(Gap)) == gaps
        assert [d for r in desk.reports() for d in r.differences_left] == []
        assert story.reborn(desk).core.state_hash() == core.state_hash()
