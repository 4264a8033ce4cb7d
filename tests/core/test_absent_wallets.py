"""A complete list of wallets that leaves one out says that nothing is in it."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

from connector.dialect.facts import BalanceFact
from connector.model.events import BalanceUpdate, ReconcileReport

OTHER = "BNB"


def desk_of(story: Any, *, wallet: str = "5") -> Any:
    """A desk whose account holds something in another currency, long since."""
    desk = story.Desk()
    fact = BalanceFact(asset=OTHER, wallet=D(wallet), venue_ns=desk.at())
    desk.book.balances[OTHER] = fact
    desk.open()
    desk.wait(300)
    assert desk.core.account.balances[OTHER].wallet == D(wallet)
    desk.clear()
    return desk


def after_a_gap(desk: Any) -> ReconcileReport:
    """The report of a lost and found stream."""
    reports = desk.core.trust.reports
    desk.drop()
    report: ReconcileReport = desk.until_live(reports)
    return report


def test_it_is_empty_and_users_are_told(story: Any) -> None:
    """Spent or converted while nobody listened."""
    desk = desk_of(story)
    del desk.book.balances[OTHER]
    after_a_gap(desk)
    assert desk.core.account.balances[OTHER].wallet == 0
    told = [e for e in desk.told(BalanceUpdate) if e.balance.asset == OTHER]
    assert [(e.balance.wallet, e.recovered) for e in told] == [(D(0), True)]


def test_it_is_told_once(story: Any) -> None:
    """What is empty already is no news."""
    desk = desk_of(story)
    del desk.book.balances[OTHER]
    after_a_gap(desk)
    desk.clear()
    after_a_gap(desk)
    assert not [e for e in desk.told(BalanceUpdate) if e.balance.asset == OTHER]


def test_newer_news_win(story: Any) -> None:
    """A push that is younger than the question stays."""
    desk = desk_of(story)
    del desk.book.balances[OTHER]
    later = BalanceFact(asset=OTHER, wallet=D(7), venue_ns=desk.at() + 10**12)
    desk.push(later)
    after_a_gap(desk)
    assert desk.core.account.balances[OTHER].wallet == D(7)
