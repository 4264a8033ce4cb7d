"""Options that several commands share, and how their texts are read."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from connector.errors import UsageError

_AMOUNT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_DIGITS_MAX = 20
_AGE = re.compile(r"([0-9]{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def amount(text: str) -> Decimal:
    """A number above 0, as typed; typer.BadParameter says what is wrong."""
    if _AMOUNT.fullmatch(text) is None:
        hint = "write a point, no thousands separators" if "," in text else ""
        word = text.strip("+-").lower()
        if word in ("nan", "inf", "infinity"):
            hint = "it must be finite"
        raise typer.BadParameter(
            f"{text[:40]!r} is not a number"
            + (f": {hint}" if hint else "")
            + "; give one such as 0.010"
        )
    number = Decimal(text)
    if number <= 0:
        raise typer.BadParameter(f"{text[:40]!r} is not above 0; give such as 0.010")
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    if number.adjusted() >= _DIGITS_MAX or exponent < -_DIGITS_MAX:
        raise typer.BadParameter(
            f"{text[:40]!r} is out of range: at most {_DIGITS_MAX} digits before and "
            "after the point"
        )
    return number


def seconds(text: str) -> int:
    """An age such as 90s, 15m, 24h, 7d, in seconds; UsageError for anything else."""
    match = _AGE.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise UsageError(f"{text[:40]!r} is not an age; write 90s, 15m, 24h or 7d")
    return int(match[1]) * _SECONDS[match[2]]


ProfileOption = Annotated[
    str,
    typer.Option(
        "--profile",
        "-p",
        metavar="PROFILE",
        envvar="CONNECTOR_PROFILE",
        help="paper:NAME, testnet:NAME or live:NAME.",
        show_envvar=True,
    ),
]
ProfilesOption = Annotated[
    Path | None,
    typer.Option("--profiles", help="The file that defines profiles.", metavar="FILE"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]
LiveOption = Annotated[
    bool, typer.Option("--live", help="Needed to act on a live: profile, real money.")
]
SymbolOption = Annotated[
    str | None,
    typer.Option("--symbol", "-s", metavar="SYMBOL", help="Only this instrument."),
]
QtyOption = Annotated[
    Decimal | None,
    typer.Option("--qty", parser=amount, metavar="QTY", help="In base units, above 0."),
]
PriceOption = Annotated[
    Decimal | None,
    typer.Option(
        "--limit",
        "--price",
        parser=amount,
        metavar="PRICE",
        help="Limit price, quote per base.",
    ),
]
TriggerOption = Annotated[
    Decimal | None,
    typer.Option(
        "--trigger",
        parser=amount,
        metavar="PRICE",
        help="New trigger price of a conditional order that waits.",
    ),
]
