"""The truth about every account, kept apart from what is sent to anybody."""

from __future__ import annotations


class Ledger:
    """Append-only facts per account."""

    def state(self, account_id: str) -> dict[str, object]:
        """Everything about an account, as JSON-able values (amounts as text)."""
        raise NotImplementedError
