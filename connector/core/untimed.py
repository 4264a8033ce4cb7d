"""Facts that the stream tells without a time."""

from __future__ import annotations

from connector.core.account import Account
from connector.dialect.facts import BalanceFact, CollateralFact, Fact, PositionFact
from connector.model.noun import replace


def stamped(fact: Fact, account: Account, arrived_ns: int) -> Fact:
    """*fact* with a time: what tells none is as new as its arrival (venue's clock),
    and newer than whatever was told before, even if that clock is wrong."""
    if not isinstance(fact, (PositionFact, BalanceFact, CollateralFact)):
        return fact
    if fact.venue_ns:
        return fact
    match fact:
        case PositionFact():
            told_ns = account.position_told_ns((fact.symbol, fact.position_side))
        case BalanceFact():
            told_ns = account.balance_told_ns(fact.asset)
        case CollateralFact():
            told_ns = account.collaterals.told_ns(fact.collateral.currency)
    return replace(fact, venue_ns=max(arrived_ns, told_ns))
