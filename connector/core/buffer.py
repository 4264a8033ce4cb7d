"""Facts of the stream that wait for a reconciliation to end."""

from __future__ import annotations

from collections.abc import Sequence

from connector.dialect.facts import AccountFact, BalanceFact, CollateralFact, Fact

_Sum = AccountFact | BalanceFact | CollateralFact


def without_repeats(facts: Sequence[Fact]) -> list[Fact]:
    """*facts* in their order, without wallets and sums that a later word, not older
    by the venue's time, replaces.

    A venue that tells sums with every move of a mark would else fill any buffer,
    however little happened.
    """
    kept: list[Fact] = []
    newest_ns: dict[tuple[type[_Sum], str], int] = {}
    for fact in reversed(facts):
        if isinstance(fact, _Sum):
            key = (type(fact), _subject(fact))
            if newest_ns.get(key, -1) >= fact.venue_ns:
                continue
            newest_ns[key] = fact.venue_ns
        kept.append(fact)
    kept.reverse()
    return kept


def _subject(fact: _Sum) -> str:
    match fact:
        case BalanceFact(asset=asset):
            return asset
        case CollateralFact(collateral=collateral):
            return collateral.currency
        case AccountFact(scope=scope):
            return scope
