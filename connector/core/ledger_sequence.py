"""Holes in the numbers of a venue's ledger, where its entries are numbered.

Whether such numbers count per account or per currency is not always documented, so
both are looked at: entries are complete if either count has no hole.
"""

from __future__ import annotations

from collections.abc import Collection

_KEPT = 2000
"""Numbers remembered behind the newest."""


class LedgerSequence:
    """The numbers seen, per currency."""

    def __init__(self) -> None:
        self._seen: dict[str, set[int]] = {}

    def add(self, asset: str, seq: int) -> None:
        """An entry of *asset* has this number."""
        seen = self._seen.setdefault(asset, set())
        seen.add(seq)
        if len(seen) > 2 * _KEPT:
            self._seen[asset] = set(sorted(seen)[-_KEPT:])

    def restart(self) -> None:
        """What is missing was told: begin with the newest of each currency."""
        self._seen = {asset: {max(seen)} for asset, seen in self._seen.items()}

    def hole(self) -> str:
        """What is missing, for people; "" if nothing is."""
        if all(_is_whole(seen) for seen in self._seen.values()):
            return ""
        together = set().union(*self._seen.values())
        if _is_whole(together):
            return ""
        missing = set(range(min(together), max(together))) - together
        shown = ", ".join(str(number) for number in sorted(missing)[:5])
        return f"ledger entries {shown}" + (" and more" if len(missing) > 5 else "")


def _is_whole(numbers: Collection[int]) -> bool:
    return not numbers or max(numbers) - min(numbers) + 1 == len(numbers)
