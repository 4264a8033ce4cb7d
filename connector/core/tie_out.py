"""Whether what was counted equals what the venue says: base and fills make a position,
base and entries make a wallet.
"""

from __future__ import annotations

from connector.core.account import Account
from connector.core.sums import position_name
from connector.model.events import Adjustment


def is_quiet_since(account: Account, venue_ns: int) -> bool:
    """Nothing moved since then: sums and words belong to the same moment."""
    keys = account.position_keys()
    moved_ns = [*map(account.moved_ns, keys), *account.wallet_moved_ns.values()]
    return all(at_ns < venue_ns for at_ns in moved_ns)


def differences(account: Account, *, quiet_since_ns: int) -> list[Adjustment]:
    """Positions that are not base + fills, wallets that are not base + entries. What
    moved since *quiet_since_ns* is left out: its sum may be a message behind."""
    found = []
    for key in account.position_keys():
        expected = account.sums.position(key)
        actual = account.position_qty(key)
        if expected != actual and account.moved_ns(key) < quiet_since_ns:
            subject = f"position {position_name(key)}"
            found.append(Adjustment(subject=subject, local=expected, venue=actual))
    for asset, balance in account.balances.items():
        expected = account.sums.wallet(asset)
        is_quiet = account.wallet_moved_ns[asset] < quiet_since_ns
        if expected != balance.wallet and is_quiet:
            subject = f"wallet {asset}"
            told = balance.wallet
            found.append(Adjustment(subject=subject, local=expected, venue=told))
    return found
