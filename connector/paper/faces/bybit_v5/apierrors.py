"""Refusals of the venue: code and text, nearly always with HTTP status 200.

Source: Bybit v5 docs, "Error Codes", read 2026-11. Texts vary between releases;
clients go by the code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from connector.paper.faces import Reply
from connector.paper.types import Refusal
from connector.paper.words import Reason

TEXTS: dict[int, str] = {
    10001: "params error",
    10002: "invalid request, please check your server timestamp or recv_window param",
    10003: "API key is invalid.",
    10004: "error sign! please check your signature generation algorithm.",
    10005: "Permission denied, please check your API key permissions.",
    10006: "Too many visits. Exceeded the API Rate Limit.",
    10016: "Server error.",
    10404: "path not found",
    20001: "repeat auth",
    20006: "duplicate reqId",
    110001: "order not exists or too late to cancel",
    110003: "price exceeds the allowable range.",
    110007: "ab not enough for new order",
    110009: "The number of stop orders exceeds the maximum allowable limit.",
    110013: "cannot set leverage gt maxLeverage by risk limit",
    110017: "orderQty will be truncated to zero",
    110020: "Not allowed to have more than 500 active orders",
    110024: "You have an existing position, so the position mode cannot be switched",
    110025: "Position mode is not modified",
    110026: "Cross/isolated margin mode is not modified",
    110028: "You have existing open orders, so the position mode cannot be switched",
    110040: "The order will trigger a forced liquidation, please re-submit the order.",
    110043: "leverage not modified",
    110064: "The modified order quantity must be larger than the filled quantity",
    110072: "OrderLinkedID is duplicate",
    110074: "contract is not live",
    110090: "Order placement failed as your position may exceed the max limit",
    110092: "expect Rising, but trigger_price is not above the price",
    110093: "expect Falling, but trigger_price is not below the price",
    110094: "Order notional value below the lower limit",
    181017: "OrderStatus must be final status",
    3400045: "Set margin mode failed",
}

CODES: dict[Reason, int] = {
    Reason.NOT_TRADING: 110074,
    Reason.UNKNOWN_ORDER: 110001,
    Reason.ORDER_CLOSED: 110001,
    Reason.TRIGGERING: 110001,
    Reason.DUPLICATE_CLIENT_ID: 110072,
    Reason.PRICE_BAND_HIGH: 110003,
    Reason.PRICE_BAND_LOW: 110003,
    Reason.NOTIONAL_MIN: 110094,
    Reason.MAX_ORDERS: 110020,
    Reason.MAX_CONDITIONAL: 110009,
    Reason.MARGIN: 110007,
    Reason.MAX_POSITION: 110090,
    Reason.REDUCE_ONLY: 110017,
    Reason.OPEN_ORDERS: 110028,
    Reason.OPEN_POSITION: 110024,
    Reason.LEVERAGE: 110013,
    Reason.LEVERAGE_REDUCTION: 110013,
}

REFUSAL_TEXTS: dict[Reason, str] = {
    Reason.UNKNOWN_SYMBOL: "params error: symbol invalid",
    Reason.POSITION_SIDE: "position idx not match position mode",
    Reason.NO_CHANGE: "The order remains unchanged as the parameters entered match the "
    "existing ones.",
}


def dump(value: object) -> str:
    """JSON as the venue writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class ApiError(Exception):
    """A refusal. *result* and *ext* stand beside the code in the envelope."""

    def __init__(
        self,
        code: int,
        text: str = "",
        *,
        result: Mapping[str, Any] | None = None,
        reset_ms: int | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.text = text or TEXTS.get(code, "error")
        self.result = dict(result or {})
        self.reset_ms = reset_ms


class PageError(Exception):
    """A page of the gateway in front of the venue, without a code."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(status)
        self.status = status
        self.text = text

    def reply(self) -> Reply:
        """The page."""
        return Reply(
            status=self.status, body=self.text.encode(), content_type="text/html"
        )


def bad(name: str) -> ApiError:
    """A parameter that is missing or makes no sense."""
    return ApiError(10001, f"params error: {name} invalid")


def refuse(no: Refusal, *, code: int | None = None) -> NoReturn:
    """Raise the machine's refusal as the venue's."""
    wire = CODES.get(no.reason, 10001) if code is None else code
    text = REFUSAL_TEXTS.get(no.reason, "") if wire == 10001 else ""
    if wire == 10001 and not text:
        text = f"params error: {no.reason.lower()} {no.detail}".rstrip()
    raise ApiError(wire, text)


def envelope(
    result: object, now_ms: int, *, code: int = 0, text: str = "OK", ext: object = None
) -> dict[str, Any]:
    """The body of every REST answer."""
    return {
        "retCode": code,
        "retMsg": text,
        "result": result,
        "retExtInfo": {} if ext is None else ext,
        "time": now_ms,
    }
