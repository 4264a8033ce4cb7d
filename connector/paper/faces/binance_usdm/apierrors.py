"""Error answers of the venue: code, text and HTTP status as it sends them.

Source: Binance USDⓈ-M docs, "Error Codes" and "General Info", read 2026-11; the
statuses of -1015 and -1007 and the codes beside the 503 texts are not published
and follow what public captures show.
"""

from __future__ import annotations

import json

from connector.paper.faces import Reply

TEXTS: dict[int, str] = {
    -1000: "An unknown error occurred while processing the request.",
    -1013: "Invalid message.",
    -1099: "Not found, authenticated, or authorized.",
    -1111: "Precision is over the maximum defined for this asset.",
    -1114: "TimeInForce parameter sent when not required.",
    -1115: "Invalid timeInForce.",
    -1116: "Invalid orderType.",
    -1117: "Invalid side.",
    -1121: "Invalid symbol.",
    -1122: "Invalid symbol status.",
    -1125: "This listenKey does not exist.",
    -1127: "More than 7 days between startTime and endTime.",
    -1136: "Invalid newOrderRespType.",
    -2010: "NEW_ORDER_REJECTED",
    -2011: "Unknown order sent.",
    -2013: "Order does not exist.",
    -2014: "API-key format invalid.",
    -2015: "Invalid API-key, IP, or permissions for action",
    -2018: "Balance is insufficient.",
    -2019: "Margin is insufficient.",
    -2020: "Unable to fill.",
    -2021: "Order would immediately trigger.",
    -2022: "ReduceOnly Order is rejected.",
    -2023: "User in liquidation mode now.",
    -2024: "Position is not sufficient.",
    -2025: "Reach max open order limit.",
    -2026: "This OrderType is not supported when reduceOnly.",
    -2027: "Exceeded the maximum allowable position at current leverage.",
    -2028: "Leverage is smaller than permitted: insufficient margin balance.",
    -1021: "Timestamp for this request is outside of the recvWindow.",
    -1022: "Signature for this request is not valid.",
    -4001: "Price less than 0.",
    -4002: "Price greater than max price.",
    -4003: "Quantity less than or equal to zero.",
    -4004: "Quantity less than min quantity.",
    -4005: "Quantity greater than max quantity.",
    -4013: "Price less than min price.",
    -4014: "Price not increased by tick size.",
    -4015: "Client order id is not valid.",
    -4016: "Price is higher than mark price multiplier cap.",
    -4023: "Quantity not increased by step size.",
    -4024: "Price is lower than mark price multiplier floor.",
    -4028: "Leverage is not valid.",
    -4032: "Exceed maximum cancel order size.",
    -4045: "Reach max stop order limit.",
    -4046: "No need to change margin type.",
    -4047: "Margin type cannot be changed if there exists open orders.",
    -4048: "Margin type cannot be changed if there exists position.",
    -4050: "Cross balance insufficient.",
    -4051: "Isolated balance insufficient.",
    -4059: "No need to change position side.",
    -4060: "Invalid position side.",
    -4061: "Order's position side does not match user's setting.",
    -4062: "Invalid or improper reduceOnly value.",
    -4067: "Position side cannot be changed if there exists open orders.",
    -4068: "Position side cannot be changed if there exists position.",
    -4082: "Invalid number of batch place orders.",
    -4087: "User can only place reduce only order.",
    -4088: "User can not place order currently.",
    -4116: "ClientOrderId is duplicated.",
    -4117: "Stop order is in triggering process.",
    -4118: "ReduceOnly Order Failed. Please check your existing position and "
    "open orders.",
    -4120: "Order type not supported for this endpoint. Please use the Algo Order "
    "API endpoints instead.",
    -4131: "The counterparty's best price does not meet the PERCENT_PRICE filter "
    "limit.",
    -4135: "Invalid activation price.",
    -4136: "Target strategy invalid for orderType with closePosition true.",
    -4137: "Quantity must be zero with closePosition equals true.",
    -4138: "Reduce only must be true with closePosition equals true.",
    -4140: "Invalid symbol status for opening position.",
    -4161: "Leverage reduction is not supported in Isolated Margin Mode with open "
    "positions.",
    -4168: "Unable to adjust to Multi-Assets mode with symbols under Isolated "
    "Margin Mode.",
    -4171: "No need to change joint margin.",
    -5021: "Due to the order could not be filled immediately, the FOK order has "
    "been rejected. The order will not be recorded in the order history",
    -5022: "Due to the order could not be executed as maker, the Post Only order "
    "will be rejected. The order will not be recorded in the order history",
    -5024: "Symbol is not in trading status. Order amendment is not permitted.",
    -5025: "Only limit order is supported.",
    -5026: "Exceed maximum modify order limit.",
    -5027: "No need to modify the order.",
    -5028: "Timestamp for this request is outside of the ME recvWindow.",
    -5029: "Order's notional must be no smaller than the minimum.",
    -5037: "Invalid price match",
    -5038: "Price match only supports order type: LIMIT, STOP AND TAKE_PROFIT",
    -5039: "Invalid self trade prevention mode",
    -5040: "The goodTillDate timestamp must be greater than the current time plus "
    "600 seconds and smaller than 253402300799000",
    -5041: "No depth matches this BBO order",
    -5043: "A pending modification already exists for this order.",
    -5047: "The order is not a reduce-only order.",
}

STATUSES: dict[int, int] = {
    -1003: 429,
    -1007: 408,
    -1008: 503,
    -1015: 429,
    -2014: 401,
    -2015: 401,
}

AHEAD_TEXT = "Timestamp for this request was 1000ms ahead of the server's time."


class ApiError(Exception):
    """The venue says no; *status* is the HTTP status of the answer."""

    def __init__(
        self,
        code: int,
        text: str | None = None,
        *,
        status: int | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.code = code
        self.text = TEXTS.get(code, "Unknown error.") if text is None else text
        self.status = STATUSES.get(code, 400) if status is None else status
        self.headers = headers
        super().__init__(f"{code} {self.text}")

    def body(self) -> dict[str, object]:
        """The error object of REST answers and of mixed batches."""
        return {"code": self.code, "msg": self.text}

    def reply(self) -> Reply:
        """The whole HTTP answer."""
        return Reply(
            status=self.status,
            body=json.dumps(self.body(), separators=(",", ":")).encode(),
            headers=self.headers,
        )


def missing(name: str) -> ApiError:
    """A mandatory parameter is absent, empty or malformed (-1102)."""
    return ApiError(
        -1102,
        f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.",
    )


def illegal(name: str, pattern: str) -> ApiError:
    """A parameter has characters outside its pattern (-1100)."""
    return ApiError(
        -1100,
        f"Illegal characters found in parameter '{name}'; legal range is '{pattern}'.",
    )
