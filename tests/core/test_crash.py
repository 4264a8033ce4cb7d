"""Killed at any instant: every prefix of what was written restarts to a state that
accounts for every order and every fill (law 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connector.core.effects import AppendJournal, JournalRecord, SendCall
from connector.model.order import OrderStatus, Origin, Side

S = OrderStatus


def _place(desk: Any, story: Any) -> None:
    desk.buy()
    desk.answer("place", story.ok(desk.state("c1", "v1")))
    desk.push(desk.state("c1", "v1"))


def _filled(desk: Any, story: Any) -> None:
    _place(desk, story)
    desk.wait(0.1)
    part = desk.state("c1", "v1", S.PARTIALLY_FILLED, "0.4")
    desk.push(part, desk.fill("c1", "v1", "t1", "0.4"), desk.position("0.4"))
    desk.wait(0.1)
    desk.push(desk.state("c1", "v1", S.FILLED, "1"))
    desk.push(desk.fill("c1", "v1", "t2", "0.6"))
    desk.push(desk.position("1"))


def _canceled(desk: Any, story: Any) -> None:
    _place(desk, story)
    desk.push(desk.fill("c1", "v1", "t1", "0.4"), desk.position("0.4"))
    desk.cancel("c1")
    desk.wait(0.1)
    desk.answer("cancel", story.ok(desk.state("c1", "v1", S.CANCELED, "0.4")))


def _amended(desk: Any, story: Any) -> None:
    _place(desk, story)
    desk.amend("c1", "2", "101")
    terms = {"qty": story.D(2), "price": story.D(101)}
    desk.wait(0.1)
    desk.answer("amend", story.ok(desk.state("c1", "v1", **terms)))
    desk.wait(0.1)
    desk.push(desk.state("c1", "v1", S.PARTIALLY_FILLED, "1", **terms))
    desk.push(desk.fill("c1", "v1", "t1", "1"), desk.position("1"))


def _doubted(desk: Any, story: Any) -> None:
    desk.buy()
    desk.fail("place", maybe_sent=True)
    desk.wait(0.05)
    desk.push(desk.state("c1", "v1"), desk.fill("c1", "v1", "t1", "0.2"))
    desk.push(desk.position("0.2"))
    desk.push(desk.state("c1", "v1", S.PARTIALLY_FILLED, "0.2"))


def _flipped(desk: Any, story: Any) -> None:
    _filled(desk, story)
    sold = {"side": Side.SELL, "qty": story.D(3)}
    desk.wait(0.1)
    desk.submit(desk.intent(side=Side.SELL, qty="3"))
    desk.answer("place", story.ok(desk.state("c2", "v2", **sold)))
    desk.push(desk.state("c2", "v2", S.FILLED, "3", **sold))
    desk.push(desk.fill("c2", "v2", "t3", "3", side=Side.SELL), desk.position("-2"))


def _stranger(desk: Any, story: Any) -> None:
    forced = {"origin": Origin.LIQUIDATION, "side": Side.SELL}
    desk.push(desk.state("auto", "v9", S.FILLED, "1", **forced))
    desk.push(desk.fill("auto", "v9", "t9", "1", **forced))
    desk.push(desk.position("-1"), desk.balance("900"))


LIVES: dict[str, Callable[[Any, Any], None]] = {
    "filled in two": _filled,
    "canceled after a part": _canceled,
    "amended, then filled": _amended,
    "in doubt, then told": _doubted,
    "flipped through zero": _flipped,
    "liquidated": _stranger,
}


def _live(story: Any) -> Any:
    """A live desk with all that it ever wrote and asked in `effects`."""
    desk = story.Desk()
    desk.core.restore([], desk.now)
    desk.feed(story.Start())
    while not desk.core.is_live:
        desk.wait(0.5)
    return desk


def _prefixes(effects: list[Any]) -> Iterator[tuple[list[JournalRecord], int]]:
    """What was on disk after each write, and how many orders had left by then."""
    disk: dict[tuple[str, str], JournalRecord] = {}
    left = 0
    yield [], 0
    for effect in effects:
        if isinstance(effect, SendCall) and effect.request.op == "place":
            left += 1
        if isinstance(effect, AppendJournal):
            yield list(disk.values()), left
            for record in effect.records:
                disk[record.kind, record.key] = record
    yield list(disk.values()), left


@pytest.mark.parametrize("name", LIVES)
def test_every_prefix_accounts_for_everything(story: Any, name: str) -> None:
    """Law 4: whatever was on disk when the process died, afterwards every order and
    every fill is known, told exactly once in both lives, and all ties out."""
    desk = _live(story)
    LIVES[name](desk, story)
    truth = {f.venue_order_id: f for f in desk.book.orders.values()}
    trades = sorted(f.trade_id for f in desk.book.fills)
    wanted = desk.held_qty()
    for records, _ in _prefixes(desk.effects):
        again = story.Desk(id_prefix="d", book=desk.book, at_s=desk.t + 1)
        again.core.restore(records, again.now)
        known = sorted(key[2] for key in again.core.orders.fill_keys)
        again.feed(story.Start())
        again.wait(60)
        assert again.core.is_live
        assert sorted([*known, *again.fills_told()]) == trades
        assert again.held_qty() == wanted
        assert again.core.account.position_mismatches() == []
        assert [t for t in again.core.orders.all() if t.missing_fills] == []
        for venue_id, fact in truth.items():
            found = again.core.orders.find(story.BTC, venue_id)
            assert found is not None, venue_id
            assert (found.status, found.filled_qty) == (fact.status, fact.filled_qty)
        assert again.core.outcomes.all() == []


@pytest.mark.parametrize("name", LIVES)
def test_no_order_leaves_before_its_intent_is_on_disk(story: Any, name: str) -> None:
    """Law 4: at no instant are more orders out than intents durable."""
    desk = _live(story)
    LIVES[name](desk, story)
    for records, left in _prefixes(desk.effects):
        intents = [record for record in records if record.kind == "intent"]
        assert left <= len(intents)


@pytest.mark.parametrize("name", LIVES)
def test_what_is_written_is_all_that_is_known(story: Any, name: str) -> None:
    """Law 14: the journal of a whole life replays to the same hash."""
    desk = _live(story)
    LIVES[name](desk, story)
    *_, (records, _) = _prefixes(desk.effects)
    again = story.Desk(id_prefix="d", book=desk.book, at_s=desk.t)
    again.core.restore(records, again.now)
    assert again.core.state_hash() == desk.core.state_hash()


def test_an_intent_that_never_left_is_proven_absent(story: Any) -> None:
    """Law 3: on disk and not at the venue: in doubt first, refused by proof, and
    never sent again by itself."""
    desk = _live(story)
    desk.buy()
    *_, (records, left) = _prefixes(desk.effects)
    assert left == 1
    again = story.Desk(id_prefix="d", book=desk.book, at_s=desk.t + 1)
    again.core.restore(records, again.now)
    assert again.order("c1").status is S.IN_DOUBT
    again.feed(story.Start())
    again.wait(120)
    assert again.status("c1") is S.REJECTED
    assert again.asked("place") == []


@pytest.mark.parametrize("symbol", ["BTC/USD", "BTC%USD", "BTC%2FUSD"])
def test_ids_are_opaque(story: Any, symbol: str) -> None:
    """Names are the venue's business: any text survives the journal."""
    desk = _live(story)
    given = {"symbol": symbol}
    desk.push(desk.state("x", "v/1", S.FILLED, "1", **given))
    desk.push(desk.fill("x", "v/1", "t/1/%", "1", **given))
    desk.push(desk.position("1", symbol=symbol))
    *_, (records, _) = _prefixes(desk.effects)
    again = story.Desk(id_prefix="d", book=desk.book, at_s=desk.t)
    again.core.restore(records, again.now)
    assert again.core.orders.fill_keys == {(symbol, "v/1", "t/1/%")}
    assert again.core.state_hash() == desk.core.state_hash()


@pytest.mark.parametrize("is_fill_first", [False, True])
def test_what_was_attached_is_our_own_after_a_restart_too(
    desk: Any, story: Any, is_fill_first: bool
) -> None:
    """Law 4: an attached exit has no intent of its own; the next process has it all the
    same, as its own, with what it filled."""
    desk.buy()
    desk.answer("place", story.ok(desk.state("c1", "7")))
    facts = [
        desk.state("c1x", "8", filled="1", attached_to="c1"),
        desk.fill("c1x", "8", "t1", "1"),
    ]
    for fact in reversed(facts) if is_fill_first else facts:
        desk.push(fact)
    again = story.reborn(desk)
    assert again.tracked("c1x").origin is Origin.OWN
    assert again.core.state_hash() == desk.core.state_hash()
