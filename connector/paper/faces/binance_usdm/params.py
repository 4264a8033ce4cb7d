"""Parameters of a call: query and body merged, read by name with venue errors.

On a repeated name the query wins over the body, the first value wins within one
of them. Unknown parameters are ignored, numbers may be JSON numbers or text,
booleans any case.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from connector.paper.faces.binance_usdm.apierrors import ApiError, illegal, missing
from connector.paper.faces.binance_usdm.auth import param_text

CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
DECIMAL_RANGE = "^([0-9]{1,20})(\\.[0-9]{1,20})?$"
SYMBOL_RANGE = "^[A-Z0-9-_.]{1,20}$"


class Params:
    """Named texts of one call; an empty text counts as absent."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    @classmethod
    def of_rest(cls, query: str, body: bytes) -> Params:
        """From a raw query and a form body."""
        merged: dict[str, str] = {}
        for raw in (query, body.decode("utf-8", "replace")):
            for name, value in parse_qsl(raw, keep_blank_values=True):
                merged.setdefault(name, value)
        return cls(merged)

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> Params:
        """From a JSON object: an order-entry call or a batch item."""
        texts = {}
        for name, value in values.items():
            if isinstance(value, dict | list):
                texts[name] = json.dumps(value)
            elif value is not None:
                texts[name] = param_text(value)
        return cls(texts)

    def text(self, name: str) -> str | None:
        """The text of a parameter, None if absent or empty."""
        return self._values.get(name) or None

    def need(self, name: str) -> str:
        """The text of a mandatory parameter; raises -1102."""
        value = self.text(name)
        if value is None:
            raise missing(name)
        return value

    def upper(self, name: str) -> str | None:
        """Upper-case text, for enums."""
        value = self.text(name)
        return None if value is None else value.upper()

    def decimal(self, name: str) -> Decimal | None:
        """A decimal; raises -1100 (illegal characters) on anything else."""
        value = self.text(name)
        if value is None:
            return None
        if not DECIMAL.fullmatch(value):
            raise illegal(name, DECIMAL_RANGE)
        return Decimal(value)

    def need_decimal(self, name: str) -> Decimal:
        """A mandatory decimal."""
        value = self.decimal(name)
        if value is None:
            raise missing(name)
        return value

    def integer(self, name: str) -> int | None:
        """An integer, as number or text; raises -1102 if malformed."""
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(r"-?[0-9]{1,20}", value):
            raise missing(name)
        return int(value)

    def need_integer(self, name: str) -> int:
        """A mandatory integer."""
        value = self.integer(name)
        if value is None:
            raise missing(name)
        return value

    def boolean(self, name: str) -> bool | None:
        """A boolean in any case; raises -1102 if it is another word."""
        value = self.text(name)
        if value is None:
            return None
        word = value.lower()
        if word not in ("true", "false"):
            raise missing(name)
        return word == "true"

    def client_id(self, name: str) -> str | None:
        """A client id; raises -4015 on a bad one."""
        value = self.text(name)
        if value is not None and not CLIENT_ID.fullmatch(value):
            raise ApiError(-4015)
        return value

    def choice(self, name: str, allowed: Iterable[str], code: int) -> str | None:
        """An enum word, upper case; raises *code* if it is not allowed."""
        value = self.upper(name)
        if value is not None and value not in allowed:
            raise ApiError(code)
        return value

    def json_list(self, name: str) -> list[Any]:
        """A mandatory JSON array; raises -1102 or -1130."""
        value = self.need(name)
        try:
            parsed = json.loads(value)
        except ValueError:
            raise ApiError(
                -1130, f"Data sent for parameter '{name}' is not valid."
            ) from None
        if not isinstance(parsed, list):
            raise ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")
        return parsed

    def limit(self, default: int, maximum: int) -> int:
        """Page size, capped silently at *maximum* as the venue does."""
        value = self.integer("limit")
        if value is None:
            return default
        if value <= 0:
            raise ApiError(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(value, maximum)
