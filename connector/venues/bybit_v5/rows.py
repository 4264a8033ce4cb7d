"""Rows of answers and messages, turned into facts.

Total over well-formed rows but for a side or a position index of a new kind:
KeyError then, because guessing a direction loses money.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import groupby

from connector.dialect import facts
from connector.dialect.facts import Fact
from connector.model.account import Greeks, LedgerKind
from connector.model.ids import ClientOrderId, Symbol, TradeId, VenueOrderId
from connector.model.instrument import Bracket, Instrument, InstrumentKind
from connector.model.money import ONE, ZERO
from connector.venues.bybit_v5 import words
from connector.venues.json_rows import Row

MAX_OPEN_ORDERS = 500


def _client_id(row: Row) -> ClientOrderId | None:
    return ClientOrderId(row.text("orderLinkId", "")) or None


def is_ours(row: Row) -> bool:
    """Answers leave the category out; streams tell every one of the account."""
    return row.text("category", "") in {"", words.CATEGORY}


def order_fact(row: Row) -> facts.OrderFact:
    """An order; it keeps its id when it triggers."""
    qty, filled = row.number_or_none("qty"), row.number("cumExecQty", ZERO)
    side, word = words.SIDES[row.text("side")], row.text("orderStatus")
    ended, refused = row.text("cancelType", ""), row.text("rejectReason", "")
    status, reason = words.status_of(word, ended, refused, qty, filled)
    tif, post_only = words.LIFETIMES.get(row.text("timeInForce", ""), (None, None))
    direction = row.integer("triggerDirection", 0)
    kind, stop = row.text("orderType", ""), row.text("stopOrderType", "")
    return facts.OrderFact(
        Symbol(row.text("symbol")),
        VenueOrderId(row.name("orderId")),
        _client_id(row),
        status,
        row.nanos("updatedTime"),
        side,
        words.type_of(kind, stop, side, direction),
        tif,
        post_only,
        qty,
        row.number_or_none("price"),
        row.number_or_none("triggerPrice"),
        filled_qty=filled,
        avg_price=row.number_or_none("avgPrice"),
        reduce_only=row.flag("reduceOnly"),
        close_position=row.flag("closeOnTrigger"),
        position_side=words.POSITION_SIDES[row.integer("positionIdx", 0)],
        origin=words.ORDER_ORIGINS.get(row.text("createType", "")),
        reason=reason,
        is_conditional=word in words.WAITING_WORDS,
        created_ns=row.nanos("createdTime", 0) or None,
    )


def execution_fact(row: Row, *, is_hint: bool = False) -> Fact:
    """A fill; funding as a notice (the ledger has the entry); what is neither is
    told as not understood. Executions do not tell their position side."""
    symbol, venue_ns = Symbol(row.text("symbol")), row.nanos("execTime")
    kind = "Trade" if is_hint else row.text("execType")
    asset = row.text("feeCurrency", "") or words.settle_coin_of(symbol)
    fee = row.number("execFee") if row.text("execFee", "") else None
    if kind == words.FUNDING:
        return facts.LedgerFact(
            kind=LedgerKind.FUNDING,
            asset=asset,
            amount=-(fee or ZERO),
            venue_ns=venue_ns,
            symbol=symbol,
        )
    qty, trade_id = row.number("execQty"), row.text("execId")
    if kind not in words.FILL_ORIGINS or qty <= 0 or not trade_id:
        return facts.UnknownFact(kind=f"execution {kind}", raw=str(row), is_gap=True)
    origin = words.ORDER_ORIGINS.get(row.text("createType", ""))
    return facts.FillFact(
        symbol=symbol,
        venue_order_id=VenueOrderId(row.name("orderId")),
        client_order_id=_client_id(row),
        trade_id=TradeId(trade_id),
        side=words.SIDES[row.text("side")],
        qty=qty,
        price=row.number("execPrice"),
        venue_ns=venue_ns,
        fee=fee,
        fee_asset="" if is_hint else asset,
        realized_pnl=row.number("execPnl") if row.text("execPnl", "") else None,
        is_maker=row.flag("isMaker"),
        position_side=None,
        origin=words.FILL_ORIGINS[kind] or origin,
        is_hint=is_hint,
    )


def position_facts(row: Row) -> tuple[Fact, ...]:
    """A position, and a warning when it is in trouble; side "" is flat. Its entry
    price has another name on the stream. A leverage that is no whole number is not
    told: the seam has none."""
    symbol, venue_ns = Symbol(row.text("symbol")), row.nanos("updatedTime")
    leverage = row.number("leverage", ZERO)
    entry = "entryPrice" if row.has("entryPrice") else "avgPrice"
    side, status = row.text("side"), row.text("positionStatus", "")
    told = facts.PositionFact(
        symbol=symbol,
        position_side=words.POSITION_SIDES[row.integer("positionIdx")],
        qty=row.number("size") * (words.SIDES[side].sign if side else 0),
        venue_ns=venue_ns,
        entry_price=row.number(entry, ZERO),
        leverage=int(leverage) if leverage and leverage == int(leverage) else None,
        mark_price=row.number_or_none("markPrice"),
        liquidation_price=row.number_or_none("liqPrice"),
        version=row.integer("seq"),
    )
    if status not in words.TROUBLE_WORDS:
        return (told,)
    text = f"{symbol} is in {status}"
    return told, facts.RiskFact(text=text, venue_ns=venue_ns, symbols=(symbol,))


def wallet_facts(
    row: Row, venue_ns: int, *, is_as_of: bool = False
) -> tuple[Fact, ...]:
    """Balances by coin, and the totals (in USD) as told."""
    balances = (
        facts.BalanceFact(
            asset=coin.text("coin"),
            wallet=coin.number("walletBalance", ZERO),
            venue_ns=venue_ns,
            is_as_of=is_as_of,
        )
        for coin in row.rows("coin")
    )
    return *balances, facts.AccountFact(venue_ns=venue_ns, fields=row.texts())


def greeks_facts(row: Row, venue_ns: int) -> tuple[Fact, ...]:
    """Of the options on one coin; they are watched here, and traded elsewhere."""
    told = {
        name: row.number(f"total{name.title()}", ZERO)
        for name in ("delta", "gamma", "vega", "theta")
    }
    coin, greeks = row.name("baseCoin"), Greeks(**told)
    return (facts.GreeksFact(currency=coin, greeks=greeks, venue_ns=venue_ns),)


def ledger_facts(row: Row) -> tuple[Fact, ...]:
    """One entry per part of a change, so that their sum is the change. An id may
    be that of several fills of one match: the trade is part of ours."""
    names = ("funding", "fee", "cashFlow", "change")
    funding, fee, flow, change = (row.number(name, ZERO) for name in names)
    kind, trade = row.text("type"), row.text("tradeId", "")
    symbol, venue_ns = row.text("symbol", ""), row.nanos("transactionTime")
    parts = (
        (words.LEDGER_KINDS.get(kind, LedgerKind.OTHER), flow),
        (LedgerKind.FUNDING, funding),
        (LedgerKind.FEE, -fee),
        (LedgerKind.UNEXPLAINED, change - flow - funding + fee),
    )
    return tuple(
        facts.LedgerFact(
            kind=part,
            asset=row.text("currency"),
            amount=value,
            venue_ns=venue_ns,
            symbol=Symbol(symbol) if symbol else None,
            entry_id=f"{kind}:{row.text('id')}:{trade}",
            trade_id=TradeId(trade) if trade else None,
            text=kind,
        )
        for part, value in parts
        if value
    )


def mark_facts(row: Row, venue_ns: int) -> tuple[Fact, ...]:
    """Nothing when the mark did not change."""
    mark = row.number_or_none("markPrice")
    if mark is None:
        return ()
    has_rate = bool(row.text("fundingRate", ""))
    return (
        facts.MarkFact(
            symbol=Symbol(row.text("symbol")),
            mark_price=mark,
            venue_ns=venue_ns,
            index_price=row.number_or_none("indexPrice"),
            funding_rate=row.number("fundingRate") if has_rate else None,
            next_funding_ns=row.nanos("nextFundingTime", 0) or None,
        ),
    )


def instrument_fact(row: Row) -> facts.InstrumentFact:
    """One contract with its rules; ValueError if a needed number is 0. Outside its
    price band the venue moves a price silently: such a price is refused here."""
    symbol, price, lot = row.text("symbol"), *map(row.row, _FILTERS)
    tick, step = price.number("tickSize"), lot.number("qtyStep")
    if tick <= 0 or step <= 0:
        raise ValueError(f"{symbol}: no grid")
    risk, high = row.row("riskParameters"), lot.number("maxOrderQty")
    band = max(risk.number(f"priceLimitRatio{way}", ZERO) for way in "XY")
    perpetual = row.text("contractType").endswith("Perpetual")
    return facts.InstrumentFact(
        instrument=Instrument(
            symbol=Symbol(symbol),
            kind=InstrumentKind.PERPETUAL if perpetual else InstrumentKind.FUTURE,
            base=row.text("baseCoin"),
            quote=row.text("quoteCoin"),
            settle=row.text("settleCoin"),
            tick_size=tick,
            qty_step=step,
            min_qty=lot.number("minOrderQty"),
            max_qty=high,
            market_max_qty=lot.number_or_none("maxMktOrderQty") or high,
            min_price=price.number("minPrice"),
            max_price=price.number_or_none("maxPrice"),
            min_notional=lot.number("minNotionalValue", ZERO),
            percent_up=ONE + band if band else None,
            percent_down=ONE - band if band else None,
            is_trading=row.text("status") == "Trading",
            expiry_ms=None if perpetual else row.millis("deliveryTime", 0) or None,
            max_open_orders=MAX_OPEN_ORDERS,
        )
    )


_FILTERS = ("priceFilter", "lotSizeFilter")


def bracket_facts(page: Iterable[Row]) -> tuple[Fact, ...]:
    """Tiers by rising value. Rates are fractions; percent, which the documentation
    shows elsewhere, is told by initial margin x leverage, which is 1 or 100."""
    found = []
    ordered = sorted(page, key=lambda r: (r.text("symbol"), r.exact("riskLimitValue")))
    for symbol, tiers in groupby(ordered, key=lambda row: row.text("symbol")):
        floor, brackets = ZERO, []
        for tier in tiers:
            cap, leverage = tier.exact("riskLimitValue"), tier.exact("maxLeverage")
            percent = tier.exact("initialMargin") * leverage > 10
            rate = tier.exact("maintenanceMargin") / Decimal(100 if percent else 1)
            brackets.append(
                Bracket(
                    floor=floor,
                    cap=cap,
                    maintenance_rate=rate,
                    cum=tier.exact("mmDeduction"),
                    max_leverage=int(leverage),
                )
            )
            floor = cap
        told = facts.BracketFact(symbol=Symbol(symbol), brackets=tuple(brackets))
        found.append(told)
    return tuple(found)


def key_fact(row: Row) -> facts.KeyFact:
    """Without bound addresses the list is empty or one asterisk."""
    allowed, ips = row.row("permissions"), row.items("ips") if row.has("ips") else []
    names = ("ContractTrade", "Derivatives", "Wallet")
    orders, positions, wallet = (
        allowed.items(name) if allowed.has(name) else [] for name in names
    )
    return facts.KeyFact(
        can_trade=row.integer("readOnly") == 0 and bool(orders or positions),
        can_withdraw="Withdraw" in wallet,
        is_ip_bound=bool(ips) and "*" not in ips,
    )
