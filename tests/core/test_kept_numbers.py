"""What is kept because it is dear to make equals what would be made anew."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from connector.core.account import Account
from connector.core.sums import Sums, position_name
from connector.dialect.facts import MarkFact, PositionFact, SettingFact
from connector.model.account import MarginMode, Source
from connector.model.clock import Now
from connector.model.events import Adjustment
from connector.model.ids import ClientOrderId, Symbol, TradeId, VenueOrderId
from connector.model.order import Fill, PositionSide, Side

SYMBOLS = (Symbol("BTC"), Symbol("ETH"))
SIDES = (PositionSide.LONG, PositionSide.SHORT)
ASSETS = ("USDT", "USDC")


def amount(rng: random.Random) -> Decimal:
    return Decimal(rng.randint(-5, 5)) / 10


def one_fill(rng: random.Random, number: int) -> Fill:
    return Fill(
        symbol=rng.choice(SYMBOLS),
        client_order_id=ClientOrderId("c"),
        venue_order_id=VenueOrderId("v"),
        trade_id=TradeId(str(number)),
        side=rng.choice(list(Side)),
        qty=Decimal(rng.randint(1, 9)),
        price=Decimal(100),
        position_side=rng.choice(SIDES),
        venue_ns=rng.randint(1, 50),
    )


def change(sums: Sums, rng: random.Random, number: int) -> None:
    key = (rng.choice(SYMBOLS), rng.choice(SIDES))
    asset = rng.choice(ASSETS)
    match rng.randint(0, 5):
        case 0:
            sums.add_fill(one_fill(rng, number), Decimal(0))
        case 1:
            sums.add_entry(asset, amount(rng), rng.randint(1, 50))
        case 2:
            sums.move_position(key, amount(rng), rng.randint(1, 50))
        case 3:
            other = (key[0], SIDES[key[1] is SIDES[0]])
            sums.move_fills(key, other, amount(rng))
        case 4:
            sums.rebase({key: amount(rng)}, {asset: amount(rng)}, {key: 20}, {})
        case _:
            subject = rng.choice((f"position {position_name(key)}", f"wallet {asset}"))
            sums.accept(
                [Adjustment(subject=subject, local=amount(rng), venue=amount(rng))]
            )


@pytest.mark.parametrize("seed", range(20))
def test_recorded_sums_are_the_sums(seed: int) -> None:
    """Only what moved is added up for the journal: nothing that moves is missed."""
    rng, sums = random.Random(seed), Sums()
    for number in range(60):
        change(sums, rng, number)
        if rng.random() < 0.5:
            told = sums.record()
            assert told.position == {
                position_name(key): sums.position(key) for key in sums.position_keys()
            }
            assert told.wallet == {asset: sums.wallet(asset) for asset in sums.assets()}


def word(rng: random.Random, number: int) -> Any:
    symbol = rng.choice(SYMBOLS)
    match rng.randint(0, 2):
        case 0:
            return PositionFact(
                symbol=symbol,
                position_side=rng.choice(SIDES),
                qty=amount(rng),
                venue_ns=number,
                entry_price=Decimal(rng.randint(1, 3)),
                leverage=rng.choice((None, 3, 5)),
                mark_price=rng.choice((None, Decimal(7))),
                margin_mode=rng.choice((None, *MarginMode)),
            )
        case 1:
            return MarkFact(symbol=symbol, mark_price=Decimal(number), venue_ns=number)
        case _:
            named = rng.choice((None, symbol))
            return SettingFact(
                symbol=named,
                leverage=rng.choice((None, 2, 9)) if named else None,
                margin_mode=rng.choice((None, *MarginMode)),
            )


@pytest.mark.parametrize("seed", range(20))
def test_shown_positions_are_those_of_now(tiny: Any, seed: int) -> None:
    """A position that was shown before is made anew when anything of it changed."""
    rng, account = random.Random(seed), Account(tiny.TinyDialect())
    for number in range(1, 60):
        now = Now(mono_ns=number, wall_ns=number)
        match word(rng, number):
            case PositionFact() as fact:
                account.merge_position(fact, Source.STREAM, now)
            case MarkFact() as fact:
                account.merge_mark(fact)
            case fact:
                account.merge_setting(fact)
        shown = account.positions()
        for held in account._held.values():
            held.row = None
        account._numbers_of = -1
        assert shown == account.positions()
