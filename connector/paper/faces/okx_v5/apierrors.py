"""Errors of the venue: code, text, and the HTTP status they come with.

Source: OKX API v5 docs, "Error Code", read 2026-11.
"""

from __future__ import annotations

import json

from connector.paper.faces import Reply

TEXTS: dict[int, str] = {
    50000: "Body for POST request cannot be empty.",
    50001: "Service temporarily unavailable. Please try again later.",
    50002: "JSON syntax error",
    50004: "API endpoint request timeout",
    50011: "Too Many Requests",
    50013: "Systems are busy. Please try again later.",
    50014: "Parameter {0} cannot be empty.",
    50015: "Either parameter {0} or {1} is required",
    50026: "System error. Try again later",
    50036: "The expTime can't be earlier than the current system time.",
    50037: "Order expired.",
    50061: "You've reached the maximum order rate limit for this account.",
    50100: "API frozen, please contact customer service.",
    50101: "APIKey does not match current environment.",
    50102: "Timestamp request expired",
    50103: 'Request header "OK-ACCESS-KEY" cannot be empty.',
    50104: 'Request header "OK-ACCESS-PASSPHRASE" cannot be empty.',
    50105: 'Request header "OK-ACCESS-PASSPHRASE" incorrect.',
    50106: 'Request header "OK-ACCESS-SIGN" cannot be empty.',
    50107: 'Request header "OK-ACCESS-TIMESTAMP" cannot be empty.',
    50111: "Invalid OK-ACCESS-KEY",
    50112: "Invalid OK-ACCESS-TIMESTAMP",
    50113: "Invalid Sign",
    50119: "API key doesn't exist",
    50120: "This API key doesn't have permission to use this function",
    51000: "Parameter {0} error",
    51001: "Instrument ID, Instrument ID code, or Spread ID doesn't exist.",
    51004: "Order amount exceeds current tier limit.",
    51006: "Order price is not within the price limit",
    51008: "Order failed. Insufficient USDT margin in account",
    51010: "You can't complete this request under your current account mode.",
    51016: "Client order ID already exists",
    51020: "The order amount should meet or exceed the minimum order amount.",
    51046: "The take profit trigger price should be higher than the order price",
    51047: "The stop loss trigger price should be lower than the order price",
    51071: "You've reached the maximum limit for tag level cancel all after timers.",
    51087: "Listing canceled",
    51101: "Entered amount exceeds the maximum order amount.",
    51103: "The maximum number of orders for this instrument has been reached.",
    51121: "Order quantity must be a multiple of the lot size.",
    51127: "Available balance is 0",
    51137: "Your opening price has triggered the limit price, and the max buy price is "
    "{0}",
    51138: "Your opening price has triggered the limit price, and the min sell price "
    "is {0}",
    51149: "Order timed out. Please try again.",
    51169: "Order failed because you don't have any positions in this direction to "
    "reduce or close.",
    51279: "TP trigger price cannot be lower than the last price",
    51280: "SL trigger price cannot be higher than the last price",
    51400: "Order cancellation failed as the order has been filled, canceled or does "
    "not exist.",
    51410: "Cancellation failed as the order is already in canceling status or "
    "pending settlement.",
    51503: "Your order has already been filled or canceled.",
    51506: "Order modification unavailable for the order type",
    51510: "Modification failed",
    51512: "Failed to amend orders in batches. You cannot have duplicate orders in the "
    "same amend-batch-orders request",
    51603: "Order does not exist",
    59000: "Setting failed. Cancel any open orders, close positions, and stop trading "
    "bots first.",
    59102: "Leverage exceeds the maximum limit. Please lower the leverage.",
    59103: "Leverage is too low and there is not enough free margin in your account.",
    60004: "Invalid timestamp",
    60005: "Invalid apiKey",
    60006: "Timestamp request expired",
    60007: "Invalid sign",
    60009: "Login failed.",
    60011: "Please log in",
    60012: "Invalid request",
    60013: "Invalid args",
    60014: "Requests too frequent",
    60018: "Wrong URL or {0} doesn't exist.",
    60024: "Wrong passphrase",
    60032: "API key doesn't exist.",
    64003: "Your trading fee tier doesn't meet the requirement to access this channel",
    64008: "The connection will soon be closed for a service upgrade. Please "
    "reconnect.",
}

_STATUSES = {50001: 503, 50011: 429, 50013: 429, 50026: 500}
_UNAUTHORIZED = frozenset((*range(50100, 50122),))


class ApiError(Exception):
    """A refusal in the venue's words; the text of *code* unless *text* is given."""

    def __init__(self, code: int, *words: object, text: str | None = None) -> None:
        template = TEXTS.get(code, "") if text is None else text
        self.code = code
        self.text = template.format(*words) if words else template
        super().__init__(f"{code} {self.text}")

    def reply(self) -> Reply:
        """As an HTTP answer: errors of requests and keys have a status of their own,
        a refused order is an answer like any other."""
        status = _STATUSES.get(self.code, 200)
        if self.code in _UNAUTHORIZED:
            status = 401
        elif self.code in {50000, 50002, 50004, 50014, 50015}:
            status = 400
        return Reply(status=status, body=failure(self.code, self.text).encode())


def dump(value: object) -> str:
    """JSON as the venue writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def failure(code: int, text: str) -> str:
    """The body of an error."""
    return dump({"msg": text, "code": str(code), "data": []})
