"""Queries that trail the machine: the fault ``read_lag``.

Real venues answer questions from replicas; one that lags shows the past as a whole.
"""

from __future__ import annotations

import copy
from collections import deque

from connector.paper.engine import Engine

REPLICA_MS = 1000


class Replica:
    """What queries see of *engine*: itself, or its state ``lag_ms`` ago."""

    def __init__(self, engine: Engine) -> None:
        self.lag_ms = 0
        self._engine = engine
        self._past: deque[tuple[int, Engine]] = deque()

    def remember(self, now_ms: int, *, is_urgent: bool = True) -> None:
        """Keep the machine's state for stale reads; free while there is no lag.

        What is not urgent (prices) is kept at most every ``REPLICA_MS``.
        """
        if self.lag_ms <= 0:
            self._past.clear()
            return
        if not is_urgent and self._past and now_ms - self._past[-1][0] < REPLICA_MS:
            return
        engine = self._engine
        shared: dict[int, object] = {
            id(whole): whole for whole in (engine.ledger, engine.instruments)
        }
        self._past.append((now_ms, copy.deepcopy(engine, shared)))
        while len(self._past) > 1 and self._past[1][0] <= now_ms - self.lag_ms:
            self._past.popleft()

    def read(self, now_ms: int) -> Engine:
        """The machine as a query sees it at *now_ms*."""
        seen = self._engine
        if self.lag_ms > 0 and self._past:
            seen = self._past[0][1]
            for at_ms, past in self._past:
                if at_ms > now_ms - self.lag_ms:
                    break
                seen = past
        return seen
