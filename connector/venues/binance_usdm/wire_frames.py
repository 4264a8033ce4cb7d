"""Answers of the Binance WebSocket API, decoded as far as all of them are alike.

What the answer tells (*result*) and the error stay bytes for whoever knows what was
asked. Numbers may stand in texts, as in the answers of `wire`.

Source: "WebSocket API General Info", response format, read 2026-11.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct, field

from connector.venues.binance_usdm.wire import VenueError

_NOTHING = b"null"

Counting = Annotated[int, Meta(gt=0)]


class _Frame(Struct, kw_only=True):
    id: str | int | None = None
    error_text: Raw = field(name="error", default=Raw(_NOTHING))

    @property
    def error(self) -> VenueError | None:
        """Why it was refused, if it was; raises ValueError if that is unreadable."""
        text = bytes(self.error_text)
        return None if text == _NOTHING else VenueError.model_validate_json(text)


class FrameHead(_Frame, kw_only=True):
    """What tells the kind of a frame that is no event: a WebSocket API answer has
    *status*, the acknowledgement of a SUBSCRIBE an *id* alone."""

    status: int | None = None


class RateLimitRow(Struct, kw_only=True, rename="camel"):
    """One limit and how much of it is used (*count*)."""

    rate_limit_type: str
    interval: str
    interval_num: Counting
    limit: Counting
    count: int | None = None


class FrameAnswer(_Frame, kw_only=True):
    """A WebSocket API answer in full; *result* is validated by the caller."""

    status: int
    result: Raw = Raw(_NOTHING)
    rate_limits: list[RateLimitRow] = field(name="rateLimits", default_factory=list)


_head = msgspec.json.Decoder(FrameHead, strict=False).decode
_answer = msgspec.json.Decoder(FrameAnswer, strict=False).decode


def head_of(raw: bytes) -> FrameHead:
    """Raises ValueError for what is no frame."""
    try:
        return _head(raw)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None


def answer_of(raw: bytes) -> FrameAnswer:
    """Raises ValueError for what is no answer."""
    try:
        return _answer(raw)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None
