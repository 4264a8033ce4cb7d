"""Whose bucket: turns the bare ids of a dialect into ids that carry their owner.

A dialect says ``("orders-10s", 1)``; several accounts of one process share one
limiter, so the session says ``("orders-10s@3fa9", 1)`` for it. IP limits have no
owner: they are everybody's. ``place:*`` is a template, ``place:BTCUSDT@3fa9`` a
bucket made from ``place:*@3fa9``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from connector.model.limits import BucketScope, BucketSpec, Cost


def template_id(bucket_id: str) -> str:
    """``place:BTCUSDT@3fa9`` -> ``place:*@3fa9``; "" if there is no such name."""
    body, at, owner = bucket_id.partition("@")
    kind, colon, _ = body.rpartition(":")
    return f"{kind}:*{at}{owner}" if colon else ""


class Owners:
    """Adds owners to specs and costs of one session.

    *owners* maps ACCOUNT to the fingerprint of the key's account, CONNECTION to
    the id of a connection, and so on. SYMBOL counts as ACCOUNT unless named.
    Scopes not named are left as they are.
    """

    def __init__(self, owners: Mapping[BucketScope, str]) -> None:
        self._owners = dict(owners)
        if BucketScope.ACCOUNT in owners:
            self._owners.setdefault(BucketScope.SYMBOL, owners[BucketScope.ACCOUNT])
        self._scopes: dict[str, BucketScope] = {}

    def specs(self, specs: Iterable[BucketSpec]) -> tuple[BucketSpec, ...]:
        """Specs with owners in id and `owner`; remembers the scope of each id."""
        owned = []
        for spec in specs:
            self._scopes[spec.id] = spec.scope
            owner = self._owners.get(spec.scope, "")
            owned.append(
                replace(spec, id=f"{spec.id}@{owner}", owner=owner) if owner else spec
            )
        return tuple(owned)

    def bucket_id(self, bare_id: str) -> str:
        """The limiter's id for a dialect's id; unknown ids are left as they are."""
        scope = self._scopes.get(bare_id) or self._scopes.get(template_id(bare_id))
        owner = self._owners.get(scope, "") if scope is not None else ""
        return f"{bare_id}@{owner}" if owner else bare_id

    def cost(self, cost: Cost) -> Cost:
        """A dialect's cost in the limiter's ids."""
        return tuple((self.bucket_id(bare_id), amount) for bare_id, amount in cost)
