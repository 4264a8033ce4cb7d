"""Ids as the wire shows them: digits for BTC, the currency in front for others.

Waiting orders carry the kind of their trigger: ``SLMS-501234``, ``ETH-SLIS-7``.

Source: Deribit API, samples of orders and trades; read 2026-11.
"""

from __future__ import annotations

from connector.paper.faces.deribit.rpc import RpcError

STOP = "SLMS"


def currency_of(symbol: str) -> str:
    """What an instrument settles in, by its name."""
    base, _, quote = symbol.partition("-")[0].partition("_")
    return quote or base


def shown(symbol: str, number: int) -> str:
    """The id of an order or a trade."""
    currency = currency_of(symbol)
    return str(number) if currency == "BTC" else f"{currency}-{number}"


def shown_waiting(symbol: str, number: int) -> str:
    """The id of an order that waits for its trigger."""
    currency = currency_of(symbol)
    head = "" if currency == "BTC" else f"{currency}-"
    return f"{head}{STOP}-{number}"


def number_of(text: str) -> tuple[int, bool]:
    """(the machine's number, whether it waits); 10004 for what is no id."""
    digits = text.rpartition("-")[2]
    if not digits.isdigit():
        raise RpcError(10004)
    return int(digits), STOP in text
