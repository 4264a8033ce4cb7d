"""Tests of lists that are told by cursor and window by window."""

from __future__ import annotations

from itertools import pairwise

import pytest

from connector.dialect.wire import Request
from connector.venues.windows import AHEAD_MS, next_page, windowed

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
NOW_MS = 1_795_341_600_000
ASKED = Request(op="fills", method="GET", path="/fills", params=(("limit", "100"),))


def first(start_ms: int, kept_ms: int = 730 * DAY_MS) -> Request:
    """The first window of a week."""
    return windowed(ASKED, start_ms, NOW_MS, kept_ms=kept_ms, window_ms=WEEK_MS)


def times(request: Request) -> tuple[int, int]:
    """Its window."""
    params = dict(request.params)
    return int(params["startTime"]), int(params["endTime"])


def test_windows_cover_everything_up_to_now() -> None:
    """Without a hole and without an overlap; the last one reaches past every clock."""
    request: Request | None = first(NOW_MS - 15 * DAY_MS)
    seen = []
    while request is not None:
        assert dict(request.params)["limit"] == "100"
        seen.append(times(request))
        request = next_page(request, "", 0)
    assert seen[0][0] == NOW_MS - 15 * DAY_MS
    assert seen[-1][1] == NOW_MS + AHEAD_MS
    assert all(end + 1 == start for (_, end), (start, _) in pairwise(seen))
    assert all(end - start <= WEEK_MS for start, end in seen)


@pytest.mark.parametrize(
    ("start_ms", "kept_ms", "begins"),
    [
        (NOW_MS + 5, DAY_MS, NOW_MS),
        (0, DAY_MS, NOW_MS - DAY_MS),
        (-1, 10 * NOW_MS, 0),
    ],
)
def test_the_first_window_begins_where_it_makes_sense(
    start_ms: int, kept_ms: int, begins: int
) -> None:
    """Not in the future, not before the venue keeps anything."""
    assert times(first(start_ms, kept_ms))[0] == begins


def test_pages_of_a_window_come_before_the_next_window() -> None:
    """A cursor goes back as it came; the next window has none."""
    request = first(NOW_MS - 10 * DAY_MS)
    page = next_page(request, "a%3D", 100)
    assert page is not None
    assert dict(page.params)["cursor"] == "a%3D"
    assert times(page) == times(request)
    following = next_page(page, "", 3)
    assert following is not None
    assert "cursor" not in dict(following.params)
    assert times(following)[0] == times(request)[1] + 1


def test_a_cursor_that_leads_nowhere_ends_the_pages() -> None:
    """The same one again, or one that comes with an empty page."""
    plain = next_page(ASKED, "c", 1)
    assert plain is not None
    assert next_page(plain, "c", 1) is None
    assert next_page(ASKED, "c", 0) is None
    assert next_page(ASKED, "", 1) is None
