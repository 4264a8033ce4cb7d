"""Looks for the secrets of a world in everything that is logged."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from connector.sim.laws import Witness


class _Search(logging.Handler):
    def __init__(self, witness: Witness) -> None:
        super().__init__(logging.DEBUG)
        self._witness = witness

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{record.getMessage()} {record.__dict__}"
        if any(secret in text for secret in self._witness.secrets):
            self._witness.broken("secret", f"in the log of {record.name}")


@contextlib.contextmanager
def searched(witness: Witness, *, is_verbose: bool) -> Iterator[None]:
    """Search the log while the block runs, with *is_verbose* down to DEBUG."""
    search = _Search(witness)
    log = logging.getLogger()
    level = log.level
    log.addHandler(search)
    if is_verbose:
        log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.setLevel(level)
        log.removeHandler(search)
