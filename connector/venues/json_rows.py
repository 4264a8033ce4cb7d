"""Reading JSON field by field, exactly.

Amounts are text on the wires that use this; a JSON number in their place may have
passed through a float and is refused (`Row.exact` takes both, for the few documented
as numbers). Unknown fields are ignored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Self

import msgspec

from connector.model.clock import NS_PER_MS
from connector.model.ids import ClientOrderId, Symbol, TradeId, VenueOrderId

_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{0,40})?([eE][-+]?[0-9]{1,2})?")
_WHOLE = re.compile(r"-?[0-9]{1,20}")
_MILLIS_END = 1 << 53
_ZERO = Decimal(0)
_JSON = msgspec.json.Decoder(float_hook=Decimal)  # no float is ever made


def compact(value: object) -> str:
    """JSON without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def parsed(raw: bytes) -> object:
    """The document that *raw* is, numbers with a point as Decimals; ValueError if it is
    none, or has text that could not be written again (half a character)."""
    document: object = _JSON.decode(raw)
    return document


class Row:
    """One JSON object; every reader raises ValueError for a value of another kind,
    and for one that is missing unless it says what that means."""

    __slots__ = ("_fields",)

    def __init__(self, fields: object) -> None:
        if not isinstance(fields, dict):
            raise ValueError("not an object")
        self._fields = fields

    @classmethod
    def of_bytes(cls, raw: bytes) -> Self:
        """The object that *raw* is."""
        return cls(parsed(raw))

    def value(self, name: str) -> Any:
        """Whatever stands there; None if nothing does."""
        return self._fields.get(name)

    def has(self, name: str) -> bool:
        """Whether there is something under *name*."""
        return self._fields.get(name) is not None

    def text(self, name: str, default: str | None = None) -> str:
        """A text; null is absent."""
        found = self._fields.get(name)
        if isinstance(found, str):
            return found
        if found is not None or default is None:
            raise ValueError(f"{name} is no text")
        return default

    def name(self, name: str) -> str:
        """A text that is not empty."""
        if found := self.text(name):
            return found
        raise ValueError(f"{name} is empty")

    def number(self, name: str, default: Decimal | None = None) -> Decimal:
        """A number written as text, neither absent nor "" without a default."""
        found = self._fields.get(name)
        if (found is None or found == "") and default is not None:
            return default
        if not isinstance(found, str):
            raise ValueError(f"{name} is no text")
        if _NUMBER.fullmatch(found) is None:
            raise ValueError(f"{name} is no number")
        return Decimal(found)

    def number_or_none(self, name: str) -> Decimal | None:
        """None for what the venue means by nothing: "", "0", absent."""
        return self.number(name, _ZERO) or None

    def exact(self, name: str, default: Decimal | None = _ZERO) -> Decimal:
        """A number as text or as JSON number; absent and "" are 0, or refused."""
        found = self._fields.get(name)
        if found is None or found == "":
            found = default
        if isinstance(found, bool) or not isinstance(found, int | Decimal | str):
            raise ValueError(f"{name} is no number")
        if not _NUMBER.fullmatch(str(found)):
            raise ValueError(f"{name} is no number")
        return Decimal(found)

    def integer(self, name: str, default: int | None = None) -> int:
        """A whole number, as JSON number or text."""
        found = self._fields.get(name)
        if found is None or found == "":
            found = default
        if isinstance(found, int) and not isinstance(found, bool):
            return found
        if isinstance(found, str) and _WHOLE.fullmatch(found):
            return int(found)
        raise ValueError(f"{name} is no whole number")

    def millis(self, name: str, default: int | None = None) -> int:
        """A time in ms of the epoch."""
        found = self.integer(name, default)
        if not 0 <= found < _MILLIS_END:
            raise ValueError(f"{name} is no time")
        return found

    def nanos(self, name: str, default_ms: int | None = None) -> int:
        """A time told in ms, as ns of the epoch."""
        return self.millis(name, default_ms) * NS_PER_MS

    def flag(self, name: str) -> bool | None:
        """True, false, or not told."""
        found = self._fields.get(name)
        if found is not None and not isinstance(found, bool):
            raise ValueError(f"{name} is neither true nor false")
        return found

    def told(self, name: str) -> str | None:
        """A text; None for what the venue means by nothing: "" and absent."""
        return self.text(name, "") or None

    def symbol(self, name: str) -> Symbol:
        """The instrument that the row speaks of."""
        return Symbol(self.name(name))

    def order_id(self, name: str) -> VenueOrderId:
        """The venue's id of an order."""
        return VenueOrderId(self.name(name))

    def client_id(self, name: str) -> ClientOrderId | None:
        """An id that a client chose, if it did."""
        told = self.told(name)
        return ClientOrderId(told) if told else None

    def ident(self, name: str) -> str:
        """An id that is a text or a number, as text; "" where there is none: a number
        0, null and absent."""
        found = self._fields.get(name)
        if found is not None and type(found) not in (int, str):
            raise ValueError(f"{name} is no id")
        return str(found or "")

    def trade_id(self, name: str) -> TradeId:
        """The venue's id of an execution."""
        return TradeId(self.name(name))

    def whole(self, name: str) -> int | None:
        """A number written as text, where it is a whole one."""
        found = self.number(name, _ZERO)
        return int(found) if found == int(found) else None

    def row(self, name: str) -> Self:
        """An object inside; absent is an empty one."""
        return type(self)(self._fields.get(name) or {})

    def rows(self, name: str) -> list[Self]:
        """A list of objects."""
        return [type(self)(item) for item in self.items(name)]

    def rows_if(self, name: str) -> list[Self]:
        """A list of objects; absent is an empty one."""
        return self.rows(name) if self.has(name) else []

    def items(self, name: str) -> list[object]:
        """A list of anything."""
        found = self._fields.get(name)
        if not isinstance(found, list):
            raise ValueError(f"{name} is no list")
        return found

    def renamed(self, names: Mapping[str, str]) -> Self:
        """The fields that *names* has, by their other names."""
        kept = self._fields.items()
        return type(self)({names[name]: found for name, found in kept if name in names})

    def texts(self) -> dict[str, str]:
        """All fields that are texts."""
        return {k: v for k, v in self._fields.items() if isinstance(v, str)}

    def __str__(self) -> str:
        return json.dumps(self._fields, default=str)[:4096]
