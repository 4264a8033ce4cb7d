"""Lists that a venue tells by cursor, and window by window of time.

A window has ``startTime`` and ``endTime`` in ms, both counted in; the request
remembers where it ends, where the last one ends and how long one is.
"""

from __future__ import annotations

from connector.dialect.wire import Request
from connector.model.noun import replace
from connector.venues.pages import with_param

AHEAD_MS = 60_000
"""The last window reaches into the future, so that no clock cuts off its end."""

_TIMES = ("startTime", "endTime")


def windowed(
    request: Request, start_ms: int, now_ms: int, *, kept_ms: int, window_ms: int
) -> Request:
    """*request* about its first window: from *start_ms*, or since when the venue
    keeps such things, to now."""
    start = max(0, min(start_ms, now_ms), now_ms - kept_ms)
    return _span(request, start, now_ms + AHEAD_MS, window_ms)


def next_page(request: Request, cursor: str, rows: int) -> Request | None:
    """The page after this one, else the window after this one, else None. An empty
    page with a cursor has been seen: it ends the pages too."""
    pages = dict(request.params)
    if cursor and rows and cursor != pages.get("cursor"):
        return with_param(request, "cursor", cursor)
    context = request.context
    if not context or int(context["end"]) >= int(context["last"]):
        return None
    kept = (p for p in request.params if p[0] not in ("cursor", *_TIMES))
    fresh, start = replace(request, params=tuple(kept)), int(context["end"]) + 1
    return _span(fresh, start, int(context["last"]), int(context["window"]))


def _span(request: Request, start: int, last: int, window: int) -> Request:
    end = min(start + window, last)
    times = tuple(zip(_TIMES, (str(start), str(end)), strict=True))
    context = {"end": str(end), "last": str(last), "window": str(window)}
    return replace(request, params=(*request.params, *times), context=context)
