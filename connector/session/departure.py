"""The instant before the first byte of a request is written: the last word."""

from __future__ import annotations

from collections.abc import Callable

from connector.model.clock import Now
from connector.session.gate import Permit


class TooLateError(Exception):
    """The grant ran out before the first byte was written."""


class NotLiveError(Exception):
    """The state lost its trust while new exposure waited to be sent."""


class Departure:
    """Called just before the first byte is written; remembers whether it was."""

    __slots__ = (
        "_left",
        "_may_leave",
        "_now",
        "left_ns",
        "permit",
        "was_too_late",
    )

    def __init__(
        self,
        permit: Permit,
        now: Callable[[], Now],
        may_leave: Callable[[], bool],
        left: Callable[[int], None],
    ) -> None:
        self.permit = permit
        self._now = now
        self._may_leave = may_leave
        self._left = left
        self.left_ns = 0
        self.was_too_late = False

    def __call__(self) -> None:
        if not self._may_leave():
            raise NotLiveError
        if not self.permit.departed():
            self.was_too_late = True
            raise TooLateError
        self.left_ns = self._now().mono_ns
        self._left(self.left_ns)

    @property
    def has_left(self) -> bool:
        """Bytes may have left."""
        return self.left_ns > 0
