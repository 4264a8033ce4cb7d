"""What a command prints: data on stdout, talk on stderr.

With ``--json`` each record is one line of JSON with its kind under ``type``; amounts
are text, so that nobody reads them as binary fractions. Without, records are tables:
in colour on a terminal, plain aligned columns through a pipe, never cut.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connector.model.money import text_of
from connector.model.noun import as_plain

DASH = "-"


def json_line(record: Mapping[str, Any]) -> str:
    """*record* on one line; Decimals as text, dataclasses as objects."""
    return json.dumps(record, default=_jsonable, ensure_ascii=False)


def _jsonable(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    plain = as_plain(value)
    return str(value) if plain is value else plain


def clock_text(ns: int) -> str:
    """A UTC epoch in ns as people read it: ``11-25 10:46:25.123``."""
    if ns <= 0:
        return DASH
    moment = datetime.fromtimestamp(ns / 1e9, tz=UTC)
    return f"{moment:%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"


def cell(value: object) -> str:
    """*value* in a column: Decimals without exponent, None as a dash."""
    if value is None or value == "":
        return DASH
    return text_of(value) if isinstance(value, Decimal) else str(value)


def grouped(value: Decimal, places: int | None = None) -> str:
    """*value* with thousands separated, rounded to *places* if given."""
    if places is not None:
        value = round(value, places)
    return f"{value:,f}"


@dataclass(frozen=True, slots=True)
class Column:
    """Heading, and whether the column holds numbers."""

    title: str
    is_number: bool = False


class Output:
    """The two ends of one command."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks at stdout."""
        return sys.stdout.isatty()

    def record(self, record: Mapping[str, Any], text: str) -> None:
        """One piece of data: JSON, or *text* for people."""
        print(json_line(record) if self.as_json else text, flush=True)

    def records(
        self,
        kind: str,
        items: Sequence[Any],
        columns: Sequence[Column],
        rows: Iterable[Sequence[object]],
        nothing: str,
    ) -> None:
        """A list of dataclasses: one JSON object each, or a table of *rows*.

        An empty list prints nothing on stdout, and *nothing* on stderr.
        """
        if self.as_json:
            for item in items:
                print(json_line({"type": kind, **as_plain(item)}))
        elif items:
            self.table(columns, rows)
        if not items:
            self.say(nothing)

    def table(
        self, columns: Sequence[Column], rows: Iterable[Sequence[object]]
    ) -> None:
        """Rows below headings."""
        cells = [[cell(value) for value in row] for row in rows]
        if self.is_terminal:
            _print_rich(columns, cells)
        else:
            _print_plain(columns, cells)

    def say(self, text: str) -> None:
        """Talk to the person at the keyboard."""
        print(text, file=sys.stderr, flush=True)


def _print_plain(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> None:
    lines = [[column.title for column in columns], *cells]
    widths = [max(len(line[n]) for line in lines) for n in range(len(columns))]
    for line in lines:
        padded = (
            text.rjust(width) if column.is_number else text.ljust(width)
            for text, width, column in zip(line, widths, columns, strict=True)
        )
        print("  ".join(padded).rstrip())


_WORD_STYLES = {
    "BUY": "green",
    "SELL": "red",
    "FILLED": "green",
    "IN_DOUBT": "bold yellow",
    "REJECTED": "red",
}


def _print_rich(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column.title,
            justify="right" if column.is_number else "left",
            overflow="fold",
        )
    for row in cells:
        table.add_row(*(Text(text, style=_WORD_STYLES.get(text, "")) for text in row))
    Console().print(table)
