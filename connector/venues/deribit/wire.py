"""The wire of Deribit: JSON-RPC envelopes, and amounts that are JSON numbers.

Amounts may have the dirt of a float at their end (``0.00035000000000000005``). So a
document is parsed with its numbers as Decimal from the text, and each is quantised
when it is read; no float is ever made. Unknown fields are ignored, unknown words kept
as text, fields that a state does not have (a stop has no `filled_amount`) are None.

Source: Deribit API reference and its subscriptions, read 2026-11.
"""

from __future__ import annotations

import json
from decimal import Decimal

from connector.model.money import ZERO
from connector.venues import json_rows

_GRID = Decimal("1e-12")
_MOST = Decimal("1e15")
_PLAIN = (str, int, Decimal)


def clean(value: object) -> Decimal:
    """A JSON number without the dirt of floats; ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise ValueError("not a JSON number")
    number = Decimal(value)
    if not number.is_finite() or abs(number) >= _MOST:
        raise ValueError("not a sensible number")
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int), "a finite number has an exponent"
    return number if exponent >= -12 else number.quantize(_GRID).normalize()


class Row(json_rows.Row):
    """One object of this wire; raises as its base does."""

    __slots__ = ()

    def amount(self, name: str) -> Decimal:
        """A number that must be there."""
        return clean(self._fields.get(name))

    def amount_or_none(self, name: str) -> Decimal | None:
        """A number; None where the venue tells none."""
        value = self._fields.get(name)
        return None if value is None else clean(value)

    def amount_or_zero(self, name: str) -> Decimal:
        """A number; 0 where the venue tells none."""
        return self.amount_or_none(name) or ZERO

    def price(self, name: str) -> Decimal | None:
        """A price; the word ``market_price`` of orders without one is None."""
        is_word = self._fields.get(name) == "market_price"
        return None if is_word else self.amount_or_none(name)

    def plain(self) -> dict[str, str]:
        """All fields that are texts or numbers, as texts."""
        return {
            name: str(value if isinstance(value, (str, bool)) else clean(value))
            for name, value in self._fields.items()
            if isinstance(value, _PLAIN)
        }


def error_text(error: Row) -> str:
    """Message of an error, and what it is about."""
    about = error.value("data")
    extra = "" if about is None else f" {json.dumps(about, default=str)}"
    return f"{error.text('message', '')}{extra}"
