"""What the venue lists, and its ways: inverse and linear perpetuals, options.

Sizes, ticks, fees and margins have the size and shape of the real ones (Deribit
public/get_instruments, fee and margin pages, read 2026-11); they are data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from connector.paper.rules import EngineRules, Instrument, SizeMargin
from connector.paper.words import ClientIdRule, ContractKind

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
SETTLEMENT_MS = 8 * HOUR_MS

RULES = EngineRules(
    client_id_rule=ClientIdRule.NEVER,
    refuse_fok=False,
    amend_keeps_queue=True,
    daily_settlement_ms=SETTLEMENT_MS,
    delivers=True,
    first_order_id=80_123_456_001,
    first_trade_id=301_234_001,
    first_tran_id=92_001,
    first_conditional_id=501_001,
    liquidation_prefix="liquidation-",
)

BALANCES = {"BTC": Decimal(10), "ETH": Decimal(100), "USDC": Decimal(100_000)}

_STRIKES = (Decimal("0.9"), Decimal(1), Decimal("1.1"))
_EXPIRES_IN_DAYS = (1, 7, 35)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Coin:
    base: str
    price: int
    tick: str
    contract: str
    per_coin: str
    linear_tick: str
    iv: str


_BTC = _Coin(
    base="BTC",
    price=100_000,
    tick="0.5",
    contract="10",
    per_coin="0.00005",
    linear_tick="0.5",
    iv="50",
)
_ETH = _Coin(
    base="ETH",
    price=3_500,
    tick="0.05",
    contract="1",
    per_coin="0.000004",
    linear_tick="0.05",
    iv="65",
)


def instruments_at(now_ms: int) -> tuple[Instrument, ...]:
    """What is listed at *now_ms*: perpetuals, and options of three expiries."""
    found: list[Instrument] = []
    for coin in (_BTC, _ETH):
        found += (_inverse(coin), _linear(coin))
    found += _options(_BTC, now_ms)
    return tuple(found)


def _margin(coin: _Coin) -> SizeMargin:
    return SizeMargin(
        initial=Decimal("0.02"),
        maintenance=Decimal("0.01"),
        per_coin=Decimal(coin.per_coin),
    )


def _inverse(coin: _Coin) -> Instrument:
    contract = Decimal(coin.contract)
    return _future(
        coin,
        symbol=f"{coin.base}-PERPETUAL",
        quote="USD",
        settle=coin.base,
        kind=ContractKind.INVERSE,
        tick=Decimal(coin.tick),
        step=contract,
        max_qty=Decimal(100_000_000),
    )


def _linear(coin: _Coin) -> Instrument:
    return _future(
        coin,
        symbol=f"{coin.base}_USDC-PERPETUAL",
        quote="USDC",
        settle="USDC",
        kind=ContractKind.LINEAR,
        tick=Decimal(coin.linear_tick),
        step=Decimal("0.001"),
        max_qty=Decimal(10_000),
    )


def _future(
    coin: _Coin,
    *,
    symbol: str,
    quote: str,
    settle: str,
    kind: ContractKind,
    tick: Decimal,
    step: Decimal,
    max_qty: Decimal,
) -> Instrument:
    return Instrument(
        symbol=symbol,
        base=coin.base,
        quote=quote,
        settle=settle,
        kind=kind,
        tick_size=tick,
        qty_step=step,
        contract_size=step,
        min_price=tick,
        max_price=Decimal(10_000_000),
        min_qty=step,
        max_qty=max_qty,
        market_max_qty=max_qty,
        min_notional=Decimal(0),
        band_up=Decimal("1.10"),
        band_down=Decimal("0.90"),
        market_take_bound=Decimal("0.05"),
        trigger_protect=Decimal("0.05"),
        max_orders=1_000,
        max_conditional=1_000,
        brackets=(),
        maker_rate=Decimal(0),
        taker_rate=Decimal("0.0005"),
        liquidation_fee=Decimal("0.01"),
        funding_interval_ms=8 * HOUR_MS,
        initial_mark=Decimal(coin.price),
        default_leverage=50,
        size_margin=_margin(coin),
        delivery_rate=Decimal("0.00025"),
    )


def _options(coin: _Coin, now_ms: int) -> Iterator[Instrument]:
    for days in _EXPIRES_IN_DAYS:
        expiry_ms = (now_ms - SETTLEMENT_MS) // DAY_MS * DAY_MS
        expiry_ms += SETTLEMENT_MS + days * DAY_MS
        day = datetime.fromtimestamp(expiry_ms / 1000, UTC)
        name = f"{day.day}{day:%b%y}".upper()
        for share in _STRIKES:
            strike = Decimal(coin.price) * share
            for is_call in (True, False):
                yield _option(coin, name, expiry_ms, strike, is_call=is_call)


def _option(
    coin: _Coin, name: str, expiry_ms: int, strike: Decimal, *, is_call: bool
) -> Instrument:
    letter = "C" if is_call else "P"
    step = Decimal("0.1")
    return Instrument(
        symbol=f"{coin.base}-{name}-{strike:f}".split(".")[0] + f"-{letter}",
        base=coin.base,
        quote=coin.base,
        settle=coin.base,
        kind=ContractKind.OPTION,
        tick_size=Decimal("0.0001"),
        tick_steps=((Decimal("0.005"), Decimal("0.0005")),),
        qty_step=step,
        contract_size=Decimal(1),
        min_price=Decimal(0),
        max_price=Decimal(10),
        min_qty=step,
        max_qty=Decimal(10_000),
        market_max_qty=Decimal(1_000),
        min_notional=Decimal(0),
        band_up=Decimal(100),
        band_down=Decimal(0),
        market_take_bound=Decimal(1),
        trigger_protect=Decimal("0.05"),
        max_orders=1_000,
        max_conditional=1_000,
        brackets=(),
        maker_rate=Decimal("0.0003"),
        taker_rate=Decimal("0.0003"),
        premium_fee_cap=Decimal("0.125"),
        delivery_rate=Decimal("0.00015"),
        liquidation_fee=Decimal("0.01"),
        funding_interval_ms=8 * HOUR_MS,
        initial_mark=Decimal("0.05"),
        underlying=f"{coin.base}-PERPETUAL",
        expiry_ms=expiry_ms,
        strike=strike,
        is_call=is_call,
        iv=Decimal(coin.iv),
    )
