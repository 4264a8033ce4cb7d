"""What is listed and by which rules: instruments, brackets, the venue's own ways."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from connector.paper.amounts import money
from connector.paper.words import ClientIdRule, ContractKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Bracket:
    """One leverage bracket: applies to a notional in (floor, cap]."""

    number: int
    max_leverage: int
    floor: Decimal
    cap: Decimal
    mmr: Decimal
    cum: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionMargin:
    """Parameters of standard margin for short options, as shares of the underlying."""

    base: Decimal = Decimal("0.15")
    floor: Decimal = Decimal("0.10")
    upkeep: Decimal = Decimal("0.075")


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeMargin:
    """Standard margin of futures: rates that grow with the size in base coin."""

    initial: Decimal
    maintenance: Decimal
    per_coin: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What may be traded, and the rules that bind it. Rates are fractions.

    LINEAR: quantities in base, money in quote. INVERSE: quantities in quote, money
    in base; what a quantity is worth falls as the price rises. OPTION: quantities
    in base, prices in ``settle``, premium paid at once; *underlying* is the symbol
    whose mark it follows. "Notional" and "value" are always money, in ``settle``.

    *tick_steps*: (price, tick) pairs, rising; the tick holds above its price.
    *expiry_ms* 0: perpetual. *size_margin* replaces brackets and leverage.
    """

    symbol: str
    base: str
    quote: str
    settle: str
    tick_size: Decimal
    qty_step: Decimal
    min_price: Decimal
    max_price: Decimal
    min_qty: Decimal
    max_qty: Decimal
    market_max_qty: Decimal
    min_notional: Decimal
    band_up: Decimal  # a buy price may be at most mark * band_up
    band_down: Decimal  # a sell price must be at least mark * band_down
    market_take_bound: Decimal  # market orders stop at mark * (1 ± bound)
    trigger_protect: Decimal  # price-protected triggers wait while |last/mark - 1| >
    max_orders: int
    max_conditional: int
    brackets: tuple[Bracket, ...]
    maker_rate: Decimal
    taker_rate: Decimal
    liquidation_fee: Decimal
    funding_interval_ms: int
    initial_mark: Decimal
    default_leverage: int = 20
    kind: ContractKind = ContractKind.LINEAR
    contract_size: Decimal = Decimal(1)
    has_fees_in_margin: bool = False  # see ``connector.paper.engine.margin``
    onboard_ms: int = 1569398400000
    tick_steps: tuple[tuple[Decimal, Decimal], ...] = ()
    underlying: str = ""
    expiry_ms: int = 0
    strike: Decimal = Decimal(0)
    is_call: bool = True
    iv: Decimal = Decimal(0)
    delivery_rate: Decimal = Decimal(0)
    premium_fee_cap: Decimal = Decimal(0)  # option fees: at most this of the premium
    option_margin: OptionMargin = OptionMargin()
    size_margin: SizeMargin | None = None

    @property
    def is_coin_settled(self) -> bool:
        """An option whose prices are shares of its underlying."""
        return self.settle == self.base

    def tick_at(self, price: Decimal) -> Decimal:
        """The tick that holds at *price*."""
        tick = self.tick_size
        for above, larger in self.tick_steps:
            if price > above:
                tick = larger
        return tick

    def value(self, qty: Decimal, price: Decimal) -> Decimal:
        """What *qty* at *price* is worth; signed as *qty*."""
        if self.kind is ContractKind.INVERSE:
            return money(qty / price)
        return qty * price

    @property
    def flow_sign(self) -> int:
        """+1 when a buyer gains as the value rises, -1 when as it falls."""
        return -1 if self.kind is ContractKind.INVERSE else 1

    def price_of(self, qty: Decimal, cost: Decimal) -> Decimal:
        """The price at which *qty* costs *cost* (of the same sign as its flow)."""
        if self.kind is ContractKind.INVERSE:
            return money(-qty / cost)
        return money(cost / qty)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRules:
    """What differs between venues and is not wire format.

    ``refuse_post_only`` and ``refuse_fok``: True refuses the order outright,
    False accepts it and expires it at once. ``amend_keeps_queue``: an amend that
    only lowers the quantity keeps its place; otherwise every amend loses it.
    ``amend_may_fill``: an amend to no more than what is filled makes the order
    filled, not cancelled.
    ``trigger_keeps_id``: the order that a conditional order becomes has its id.
    ``daily_settlement_ms``: profits and funding of futures gather apart from the
    wallet and move into it once a day, at this time after midnight UTC (None: they
    go there at once). ``delivers``: a contract that ends is delivered without a
    trade; otherwise the venue closes positions by orders.
    """

    client_id_rule: ClientIdRule = ClientIdRule.OPEN
    refuse_post_only: bool = True
    refuse_fok: bool = True
    amend_keeps_queue: bool = False
    amend_may_fill: bool = False
    trigger_keeps_id: bool = False
    daily_settlement_ms: int | None = None
    delivers: bool = False
    max_amends: int = 10_000
    max_conditional: int = 200  # per account, all symbols
    step_ms: int = 100
    mark_event_ms: int = 1_000
    margin_call_ratio: Decimal = Decimal("0.8")  # maintenance / margin balance
    liquidation_prefix: str = "autoclose-"
    adl_client_id: str = "adl_autoclose"
    settlement_prefix: str = "settlement_autoclose-"
    first_order_id: int = 715_550_000_001
    first_trade_id: int = 5_012_345_001
    first_tran_id: int = 9_689_322_390_001
    first_conditional_id: int = 1_000_000_033_000_001
