"""Rows of JSON are read exactly, or not at all."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from connector.venues.json_rows import Row
from connector.venues.replies import BROKEN


def row(body: str) -> Row:
    return Row.of_bytes(body.encode())


def test_no_float_is_ever_made() -> None:
    """Money: digits beyond a float's survive, as text and as number."""
    told = row('{"a":"12345678901234567.123456789","b":12345678901234567.123456789}')
    assert told.number("a") == told.exact("b") == D("12345678901234567.123456789")


@pytest.mark.parametrize("value", ["1.5", "0", "0.0", "true", "[]", '"x"', '"1e999"'])
def test_a_number_in_the_place_of_text_is_refused(value: str) -> None:
    """It may have passed through a float; with a default too."""
    told = row(f'{{"a":{value}}}')
    for read in (lambda: told.number("a"), lambda: told.number("a", D(7))):
        with pytest.raises(BROKEN):
            read()


@pytest.mark.parametrize("body", ['{"a":""}', '{"a":null}', "{}"])
def test_nothing_is_the_default_or_an_error(body: str) -> None:
    """Empty, null and absent are one."""
    told = row(body)
    assert told.number("a", D(7)) == 7
    assert told.number_or_none("a") is None
    assert told.client_id("a") is None
    assert told.rows_if("b") == []
    for read in (told.number, told.name, told.symbol, told.order_id, told.millis):
        with pytest.raises(BROKEN):
            read("a")


@pytest.mark.parametrize("body", ["", "[]", "1", '{"a":NaN}', "{", '"a"', "\xff{}"])
def test_what_is_no_object_is_broken(body: str) -> None:
    """Also what only some readers of JSON take for it."""
    with pytest.raises(BROKEN):
        Row.of_bytes(body.encode("latin-1"))


def test_whole_numbers() -> None:
    """Leverage and the like: told as text, whole or not of use."""
    told: Any = row('{"a":"10","b":"2.5","c":"10.0"}')
    assert [told.whole(name) for name in "abcd"] == [10, None, 10, 0]
