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
class Instrument:
    """What may be traded, and the rules that bind it. Rates are fractions.

    LINEAR: quantities in base, money in quote. INVERSE: quantities in quote, money
    in base; what a quantity is worth falls as the price rises. "Notional" and
    "value" are always money, in ``settle``.
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
    ``trigger_keeps_id``: the order that a conditional order becomes has its id.
    """

    client_id_rule: ClientIdRule = ClientIdRule.OPEN
    refuse_post_only: bool = True
    refuse_fok: bool = True
    amend_keeps_queue: bool = False
    trigger_keeps_id: bool = False
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
