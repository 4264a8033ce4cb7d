"""Reading an order request: what is allowed, and which error says what is not.

Source: Binance USDⓈ-M docs, "New Order", "Modify Order", "New Algo Order" and
"Error Codes", read 2026-11.
"""

from __future__ import annotations

from decimal import Decimal

from connector.paper.faces.binance_usdm.apierrors import ApiError, missing
from connector.paper.faces.binance_usdm.context import Ask, refuse
from connector.paper.faces.binance_usdm.params import Params
from connector.paper.types import ZERO, Instrument, NewConditional, NewOrder, Refusal
from connector.paper.words import (
    ConditionalType,
    OrderType,
    PositionSide,
    SelfTradePrevention,
    Side,
    TimeInForce,
    WorkingType,
)

GTD_LEAD_MS = 600_000
GTD_MAX_MS = 253_402_300_799_000
CALLBACK_MIN = Decimal("0.1")
CALLBACK_MAX = Decimal(20)
TIFS = {
    "GTC": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.FOK,
    "GTX": TimeInForce.POST_ONLY,
    "RPI": TimeInForce.POST_ONLY,
    "GTD": TimeInForce.GTD,
}
PRICE_MATCHES = (
    "NONE",
    "OPPONENT",
    "OPPONENT_5",
    "OPPONENT_10",
    "OPPONENT_20",
    "QUEUE",
    "QUEUE_5",
    "QUEUE_10",
    "QUEUE_20",
)


def side_of(params: Params) -> Side:
    """The mandatory side; raises -1102 or -1117."""
    params.need("side")
    word = params.choice("side", tuple(Side), -1117)
    assert word is not None
    return Side(word)


def position_side_of(params: Params) -> PositionSide:
    """The position side, BOTH if absent; raises -4060."""
    word = params.choice("positionSide", tuple(PositionSide), -4060)
    return PositionSide(word or "BOTH")


def stp_of(params: Params) -> SelfTradePrevention:
    """Self-trade prevention, EXPIRE_MAKER if absent; raises -5039."""
    word = params.choice("selfTradePreventionMode", tuple(SelfTradePrevention), -5039)
    return SelfTradePrevention(word or "EXPIRE_MAKER")


def check_response_type(params: Params) -> str:
    """ACK or RESULT; raises -1136."""
    return params.choice("newOrderRespType", ("ACK", "RESULT"), -1136) or "ACK"


def digits(value: Decimal) -> int:
    """Decimal places that a value really uses."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def check_precision(value: Decimal, step: Decimal) -> Decimal:
    """Raise -1111 if *value* has more digits than the symbol's precision."""
    exponent = step.as_tuple().exponent
    allowed = max(0, -exponent) if isinstance(exponent, int) else 0
    if digits(value) > allowed:
        raise ApiError(-1111)
    return value


def price_of(params: Params, instrument: Instrument, name: str) -> Decimal | None:
    """An optional price; raises -4001 or -1111."""
    value = params.decimal(name)
    if value is None:
        return None
    if value < 0 or (value == 0 and name == "price"):
        raise ApiError(-4001)
    return check_precision(value, instrument.tick_size)


def qty_of(params: Params, instrument: Instrument) -> Decimal:
    """The mandatory quantity; raises -1102, -4003 or -1111."""
    value = params.need_decimal("quantity")
    if value <= 0:
        raise ApiError(-4003)
    return check_precision(value, instrument.qty_step)


def expiry_of(ask: Ask, tif: str | None) -> int:
    """``goodTillDate`` cut to whole seconds, 0 unless GTD; raises -1102, -5040."""
    if tif != "GTD":
        return 0
    date_ms = ask.params.need_integer("goodTillDate") // 1000 * 1000
    if not ask.now_ms + GTD_LEAD_MS < date_ms < GTD_MAX_MS:
        raise ApiError(-5040)
    return date_ms


def reduce_only_of(ask: Ask) -> bool:
    """The reduce-only flag; forbidden in hedge mode (-1106)."""
    value = ask.params.boolean("reduceOnly")
    if value is not None and ask.engine.is_hedge(ask.account_id):
        raise ApiError(-1106, "Parameter 'reduceonly' sent when not required.")
    return bool(value)


def limit_price(ask: Ask, instrument: Instrument, side: Side) -> tuple[Decimal, str]:
    """Price and price-match mode of a limit order: one of the two is needed."""
    params = ask.params
    mode = params.choice("priceMatch", PRICE_MATCHES, -5037) or "NONE"
    price = price_of(params, instrument, "price")
    if mode == "NONE":
        if price is None:
            raise missing("price")
        return price, mode
    if price is not None:
        raise ApiError(-1106, "Parameter 'price' sent when not required.")
    matched = ask.engine.match_price(instrument.symbol, side, mode)
    if isinstance(matched, Refusal):
        refuse(matched)
    return matched, mode


def read_new_order(ask: Ask) -> NewOrder:
    """A request to place a limit or market order."""
    params = ask.params
    symbol = ask.symbol()
    instrument = ask.venue.instrument(symbol)
    side = side_of(params)
    word = params.need("type").upper()
    if word in tuple(ConditionalType):
        raise ApiError(-4120)
    if word not in tuple(OrderType):
        raise ApiError(-1116)
    order_type = OrderType(word)
    tif = params.choice("timeInForce", TIFS, -1115)
    price: Decimal | None = None
    mode = "NONE"
    if order_type is OrderType.LIMIT:
        if tif is None:
            raise missing("timeInForce")
        qty = qty_of(params, instrument)
        price, mode = limit_price(ask, instrument, side)
    else:
        for name in ("timeInForce", "price"):
            if params.text(name) is not None:
                raise ApiError(-1106, f"Parameter '{name}' sent when not required.")
        if (params.upper("priceMatch") or "NONE") != "NONE":
            raise ApiError(-5038)
        qty = qty_of(params, instrument)
    return NewOrder(
        symbol=symbol,
        side=side,
        type=order_type,
        qty=qty,
        price=price,
        time_in_force=TIFS[tif or "GTC"],
        position_side=position_side_of(params),
        reduce_only=reduce_only_of(ask),
        client_order_id=params.client_id("newClientOrderId"),
        expire_ms=expiry_of(ask, tif),
        stp=stp_of(params),
        price_match=mode,
        tag="RPI" if tif == "RPI" else "",
    )


def read_new_algo(ask: Ask) -> NewConditional:
    """A request to place a conditional order."""
    params = ask.params
    if params.need("algoType").upper() != "CONDITIONAL":
        raise missing("algoType")
    symbol = ask.symbol()
    instrument = ask.venue.instrument(symbol)
    side = side_of(params)
    word = params.need("type").upper()
    if word not in tuple(ConditionalType):
        raise ApiError(-1116)
    kind = ConditionalType(word)
    close_position = bool(params.boolean("closePosition"))
    reduce_only = reduce_only_of(ask)
    qty = _algo_qty(params, instrument, kind, close_position=close_position)
    if close_position and params.boolean("reduceOnly"):
        raise ApiError(-1106, "Parameter 'reduceOnly' sent when not required.")
    price: Decimal | None = None
    mode = "NONE"
    if kind.is_limit:
        price, mode = limit_price(ask, instrument, side)
    tif = params.choice("timeInForce", TIFS, -1115)
    trigger, activate, callback = _trigger_of(params, instrument, kind)
    working = params.choice("workingType", tuple(WorkingType), -4144)
    return NewConditional(
        symbol=symbol,
        side=side,
        type=kind,
        qty=qty,
        trigger_price=trigger,
        price=price,
        time_in_force=TIFS[tif or "GTC"],
        position_side=position_side_of(params),
        reduce_only=reduce_only,
        close_position=close_position,
        working_type=WorkingType(working or "CONTRACT_PRICE"),
        price_protect=bool(params.boolean("priceProtect")),
        activate_price=activate,
        callback_rate=callback,
        client_order_id=params.client_id("clientAlgoId"),
        expire_ms=expiry_of(ask, tif),
        stp=stp_of(params),
        price_match=mode,
        tag="RPI" if tif == "RPI" else "",
    )


def _algo_qty(
    params: Params,
    instrument: Instrument,
    kind: ConditionalType,
    *,
    close_position: bool,
) -> Decimal:
    if not close_position:
        return qty_of(params, instrument)
    if kind not in (ConditionalType.STOP_MARKET, ConditionalType.TAKE_PROFIT_MARKET):
        raise ApiError(-4136)
    if params.decimal("quantity"):
        raise ApiError(-4137)
    return ZERO


def _trigger_of(
    params: Params, instrument: Instrument, kind: ConditionalType
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Trigger price, activation price and callback rate, as the type needs them."""
    if kind is not ConditionalType.TRAILING_STOP_MARKET:
        trigger = price_of(params, instrument, "triggerPrice")
        if not trigger:
            raise missing("triggerPrice")
        return trigger, None, None
    callback = params.need_decimal("callbackRate")
    if not CALLBACK_MIN <= callback <= CALLBACK_MAX or digits(callback) > 1:
        raise ApiError(-2007, "Invalid callBack rate.")
    return None, price_of(params, instrument, "activatePrice"), callback
