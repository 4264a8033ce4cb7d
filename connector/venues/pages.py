"""Answers that are lists of rows: read by table, walked page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from connector.dialect.facts import Fact
from connector.dialect.wire import Reply, Request, Verdict
from connector.model.noun import replace
from connector.venues.json_rows import Row
from connector.venues.replies import ok


@dataclass(frozen=True, slots=True)
class Listing:
    """How the rows of an answer are read.

    *last_id*: the field by which the next page is asked for, "" where there is one
    page. *keeps*: rows of other kinds come too, and are passed over. *is_single*: an
    answer without its row, or with more, is none. *is_newest*: the first row counts,
    and without any there is no such thing.
    """

    translate: Callable[[Row], Iterable[Fact]]
    last_id: str = ""
    keeps: Callable[[Row], bool] = lambda row: True
    is_single: bool = False
    is_newest: bool = False

    def read(
        self,
        request: Request,
        data: Sequence[object],
        following: Callable[[Request, str, int], Request | None] = lambda *_: None,
    ) -> Reply:
        """Raises ValueError for rows of another shape; *following* makes the next
        page's request from the last id and the number of rows."""
        page = [Row(item) for item in data]
        if self.is_single and len(page) != 1:
            raise ValueError("one row is expected")
        if self.is_newest:
            if not page:
                return Reply(verdict=Verdict.NOT_FOUND, text="no such order")
            page = page[:1]
        facts = [f for row in page if self.keeps(row) for f in self.translate(row)]
        last = page[-1].name(self.last_id) if page and self.last_id else ""
        return ok(*facts, next_request=following(request, last, len(page)))


def with_param(request: Request, name: str, value: str) -> Request:
    """The same question from another place on."""
    params = (*(pair for pair in request.params if pair[0] != name), (name, value))
    return replace(request, params=params)
