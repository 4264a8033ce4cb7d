"""JSON-RPC 2.0 as the venue speaks it: requests in, envelopes out, errors.

Named parameters only. A request comes as a WebSocket frame, as a POST body (to the
root or to a method's path) or as a GET query; numbers in a query are text, so every
reader takes both. Amounts leave as JSON numbers.

Source: Deribit API, "JSON-RPC", "RPC Error Codes"; read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

from connector.paper.faces import Call

ROOT = "/api/v2"
BODY_MAX = 32_768

TEXTS: dict[int, str] = {
    10001: "error",
    10002: "qty_too_low",
    10004: "order_not_found",
    10005: "price_too_low",
    10007: "price_too_high",
    10009: "not_enough_funds",
    10010: "already_closed",
    10012: "book_closed",
    10013: "max_open_orders",
    10017: "invalid_order",
    10018: "settlement_in_progress",
    10020: "invalid_or_unsupported_instrument",
    10023: "quantity_not_multiple_of_contract_size",
    10025: "not_enough_to_sell",
    10027: "reduce_only_order_would_increase",
    10028: "too_many_requests",
    10029: "not_owner_of_order",
    10040: "retry",
    10041: "settlement_in_progress",
    10043: "price_wrong_tick",
    10047: "matching_engine_queue_full",
    10050: "lock_time_exceeded",
    11022: "invalid_trigger_price",
    11029: "invalid_arguments",
    11030: "other_reject",
    11044: "not_open_order",
    11049: "invalid_order_type",
    11051: "system_maintenance",
    11054: "post_only_reject",
    13004: "invalid_credentials",
    13009: "unauthorized",
    13020: "not_found",
    13021: "forbidden",
    13028: "temporarily_unavailable",
    13032: "non_unique_order_label",
    13778: "raw_subscriptions_not_available_for_unauthorized",
    13888: "timed_out",
    -32600: "request entity too large",
    -32601: "Method not found",
    -32602: "Invalid params",
    -32700: "Parse error",
    10030: "unsupported_over_http",
}


class RpcError(Exception):
    """An error of the venue; *data* says what it is about."""

    def __init__(
        self, code: int, *, detail: str = "", data: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.text = TEXTS[code] + (f" {detail}" if detail else "")
        self.data = data

    def body(self) -> dict[str, Any]:
        """The error object."""
        told: dict[str, Any] = {"message": self.text, "code": self.code}
        if self.data is not None:
            told["data"] = dict(self.data)
        return told


def bad(param: str, reason: str = "wrong format") -> RpcError:
    """-32602 about one parameter."""
    return RpcError(-32602, data={"reason": reason, "param": param})


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcRequest:
    """One request, however it came."""

    id: object
    method: str
    params: Params


class Params:
    """Named parameters; texts and JSON values alike."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def text(self, name: str, default: str | None = None) -> str | None:
        """A text; -32602 if it is something else."""
        value = self._values.get(name)
        if value is None:
            return default
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            raise bad(name)
        return str(value)

    def need(self, name: str) -> str:
        """A text that must be there."""
        value = self.text(name)
        if not value:
            raise bad(name, "required")
        return value

    def truth(self, name: str, *, default: bool) -> bool:
        """A boolean, or its word in a query."""
        value = self._values.get(name)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        if value in ("true", "false"):
            return bool(value == "true")
        raise bad(name)

    def number(self, name: str) -> Decimal | None:
        """An exact number."""
        value = self._values.get(name)
        if value is None or isinstance(value, bool):
            if value is None:
                return None
            raise bad(name)
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            raise bad(name) from None
        if not number.is_finite():
            raise bad(name)
        return number

    def integer(self, name: str) -> int | None:
        """A whole number."""
        number = self.number(name)
        if number is None:
            return None
        if number != number.to_integral_value():
            raise bad(name)
        return int(number)

    def need_integer(self, name: str) -> int:
        """A whole number that must be there."""
        number = self.integer(name)
        if number is None:
            raise bad(name, "required")
        return number

    def words(self, name: str) -> list[str]:
        """A list of texts (in a query: a JSON list)."""
        value = self._values.get(name)
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                raise bad(name) from None
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise bad(name)
        return value

    def count(self, default: int, most: int) -> int:
        """The size of a page; -32602 beyond what is allowed."""
        value = self.integer("count")
        if value is None:
            return default
        if not 1 <= value <= most:
            raise bad("count", f"must be between 1 and {most}")
        return value


def of_text(text: str) -> RpcRequest:
    """A request from JSON text; raises RpcError."""
    if len(text.encode()) > BODY_MAX:
        raise RpcError(-32600)
    try:
        parsed = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise RpcError(-32700) from None
    if not isinstance(parsed, dict):
        raise RpcError(-32600)
    params = parsed.get("params", {})
    method = parsed.get("method")
    if not isinstance(method, str) or not isinstance(params, dict):
        raise RpcError(-32600)
    return RpcRequest(id=parsed.get("id"), method=method, params=Params(params))


def of_call(call: Call) -> RpcRequest:
    """A request from HTTP: by GET, by POST to the root, by POST to a method."""
    named = call.path.removeprefix(ROOT).strip("/")
    if call.method == "GET":
        query = dict(parse_qsl(call.query, keep_blank_values=True))
        return RpcRequest(id=query.pop("id", None), method=named, params=Params(query))
    asked = of_text(call.body.decode("utf-8", "replace"))
    return RpcRequest(id=asked.id, method=named or asked.method, params=asked.params)


@dataclass(slots=True, kw_only=True)
class Envelope:
    """What surrounds every answer; times are those of the venue."""

    id: object
    now_ms: int
    result: object = None
    error: RpcError | None = None
    took_us: int = field(default=150)

    def text(self) -> str:
        """The answer as JSON."""
        us_in = self.now_ms * 1000
        body: dict[str, Any] = {"jsonrpc": "2.0"}
        if self.id is not None:
            body["id"] = self.id
        if self.error is not None:
            body["error"] = self.error.body()
        else:
            body["result"] = self.result
        body |= {
            "usIn": us_in,
            "usOut": us_in + self.took_us,
            "usDiff": self.took_us,
            "testnet": True,
        }
        return dump(body)


def notification(channel: str, data: object) -> str:
    """A frame of a subscription."""
    return dump(
        {
            "jsonrpc": "2.0",
            "method": "subscription",
            "params": {"channel": channel, "data": data},
        }
    )


def dump(value: object) -> str:
    """JSON as the venue writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_number)


def _number(value: object) -> float:
    """Amounts are JSON numbers; the shortest float that reads back the same."""
    assert isinstance(value, Decimal), f"not an amount: {value!r}"
    return float(value)
