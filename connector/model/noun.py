"""What nouns are made of: immutable records that cost little to make.

A fill passes through half a dozen of them between the wire and the bot. A frozen
dataclass with 23 fields takes 6.6 us to make and 10 us to copy with one change,
a frozen struct 0.4 and 0.3 us (CPython 3.11, one run). Those that hold nothing but
values, and of which there are very many, are not looked at by the garbage collector
(``gc=False``): nothing in them can refer back to them.

CPython packs a call's arguments into a dict when there are more than thirty of them, a
name counting as one more: sixteen by name cost 5 us where fifteen cost 0.8. So nouns
with very many fields take them by position too, and what makes them in great numbers
gives the first ones so (`tests/house` looks).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict as _dataclass_dict
from dataclasses import is_dataclass
from typing import Any, TypeVar

from msgspec import MsgspecError, field, json
from msgspec import Struct as Noun
from msgspec.structs import replace

__all__ = ["Noun", "as_plain", "field", "of_text", "replace", "to_text"]

N = TypeVar("N", bound=Noun)

_encode = json.Encoder().encode


def to_text(noun: Noun) -> str:
    """JSON of *noun*; Decimals and enums as text."""
    return _encode(noun).decode()


def of_text(kind: type[N], text: str) -> N:
    """What `to_text` wrote; fields nobody knows are skipped. Raises ValueError."""
    try:
        return json.decode(text, type=kind)
    except MsgspecError as error:
        raise ValueError(f"no {kind.__name__}: {error}") from None


def as_plain(value: Any) -> Any:
    """*value* with every noun in it as a dict of its fields; all else as it is."""
    if isinstance(value, Noun):
        return {name: as_plain(getattr(value, name)) for name in _names(value)}
    if is_dataclass(value) and not isinstance(value, type):
        return as_plain(_dataclass_dict(value))
    if isinstance(value, Mapping):
        return {key: as_plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [as_plain(item) for item in value]
    return value


def _names(noun: Noun) -> tuple[str, ...]:
    return noun.__struct_fields__
