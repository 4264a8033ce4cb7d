"""Tests of questions: what is asked, and how pages follow each other."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connector.dialect import FillCursor, Part
from connector.dialect.wire import Host, Request, Security
from connector.model.ids import ClientOrderId, Symbol, TradeId, VenueOrderId
from connector.model.order import OrderType
from connector.venues.binance_usdm.dialect import BinanceUsdm
from connector.venues.binance_usdm.questions import (
    PAGE,
    WINDOW_MS,
    next_fills,
    next_income,
)
from connector.venues.json_rows import Row

DIALECT = BinanceUsdm()
BTC = Symbol("BTCUSDT")
DAY = 86_400_000
NOW = 1795341600000


def trade(trade_id: int, time: int) -> Row:
    return Row(
        {
            "id": trade_id,
            "orderId": 1,
            "symbol": "BTCUSDT",
            "side": "BUY",
            "price": "1",
            "qty": "1",
            "time": time,
        }
    )


def income(tran_id: int, time: int) -> Row:
    return Row(
        {
            "incomeType": "TRANSFER",
            "income": "1",
            "asset": "USDT",
            "time": time,
            "tranId": tran_id,
        }
    )


def by_cursor(
    trade_id: int | None, venue_ms: int = NOW, since_ms: int = NOW
) -> Request:
    cursor = FillCursor(
        symbol=BTC,
        trade_id=None if trade_id is None else TradeId(str(trade_id)),
        venue_ms=venue_ms,
        since_ms=since_ms,
    )
    (request,) = DIALECT.query_fills(cursor, now_ms=NOW)
    return request


def ask(part: Part, *symbols: str) -> tuple[Request, ...]:
    return DIALECT.query(
        part, symbols=[Symbol(s) for s in symbols], since_ms=NOW - DAY, now_ms=NOW
    )


def test_the_cursor_itself_is_asked_for_again() -> None:
    """fromId is inclusive: the known trade reappears, so nothing lies between."""
    request = by_cursor(50)
    assert request.params == (
        ("symbol", "BTCUSDT"),
        ("fromId", "50"),
        ("limit", "1000"),
    )
    assert request.cost == (("weight-1m", 5),)
    assert next_fills(request, [trade(50, NOW), trade(70, NOW)]) is None


def test_a_name_of_our_own_is_no_cursor() -> None:
    """The newest known fill may be an inferred one: its time is asked from then."""
    cursor = FillCursor(
        symbol=BTC, trade_id=TradeId("inferred-0.010"), venue_ms=NOW - 5, since_ms=0
    )
    (request,) = DIALECT.query_fills(cursor, now_ms=NOW)
    assert ("startTime", str(NOW - 5)) in request.params


def test_a_full_page_means_ask_again() -> None:
    """From the newest id seen, which overlaps by one."""
    page = [trade(50 + i, NOW) for i in range(PAGE)]
    following = next_fills(by_cursor(50), page)
    assert ("fromId", str(50 + PAGE - 1)) in following.params
    assert next_fills(following, [trade(50 + PAGE - 1, NOW)]) is None


def test_ids_that_do_not_reach_back_give_way_to_time() -> None:
    """If the cursor's own trade is missing, the windows since then are walked."""
    request = by_cursor(50, venue_ms=NOW - 10 * DAY)
    for page in ([], [trade(99, NOW - DAY)]):
        window = next_fills(request, page)
        assert ("startTime", str(NOW - 10 * DAY)) in window.params
        assert ("endTime", str(NOW - 10 * DAY + WINDOW_MS - 1)) in window.params
        last = next_fills(window, [])
        assert ("startTime", str(NOW - 3 * DAY)) in last.params
        assert "endTime" not in dict(last.params)
        assert next_fills(last, [trade(1, NOW)]) is None


def test_without_a_cursor_time_is_walked_from_the_start() -> None:
    """At most as far back as the venue keeps executions."""
    request = by_cursor(None, since_ms=NOW - 2 * DAY)
    assert ("startTime", str(NOW - 2 * DAY)) in request.params
    ancient = by_cursor(None, since_ms=0)
    assert ("startTime", str(NOW - 90 * DAY)) in ancient.params


def test_a_full_window_goes_on_from_its_newest_execution() -> None:
    """Overlapping, because several executions share a millisecond."""
    request = by_cursor(None, since_ms=NOW - DAY)
    page = [trade(i, NOW - DAY + i) for i in range(PAGE)]
    following = next_fills(request, page)
    assert ("startTime", str(NOW - DAY + PAGE - 1)) in following.params


def test_a_page_within_one_millisecond_goes_on_by_id() -> None:
    """Time alone would ask for the same page for ever."""
    request = by_cursor(None, since_ms=NOW - DAY)
    following = next_fills(request, [trade(i, NOW - DAY) for i in range(PAGE)])
    assert ("fromId", str(PAGE)) in following.params
    assert next_fills(following, []) is None


@pytest.mark.parametrize("density", [1, 10, 500, 1000, 4000])
def test_every_execution_is_reached(density: int) -> None:
    """A venue that keeps 20 days of executions: all are seen, and paging ends."""
    every = 20 * DAY // (density * 10)
    book = [trade(i + 1, NOW - 20 * DAY + i * every) for i in range(density * 10)]
    for request in (
        by_cursor(None, since_ms=NOW - 20 * DAY),
        by_cursor(1, venue_ms=NOW - 20 * DAY),
    ):
        seen: set[int] = set()
        pages = 0
        step: Request | None = request
        while step is not None:
            page = _serve(book, dict(step.params))
            seen.update(row.integer("id") for row in page)
            step = next_fills(step, page)
            pages += 1
            assert pages < 100
        assert seen == {row.integer("id") for row in book}


def _serve(book: list[Row], params: dict[str, str]) -> list[Row]:
    """userTrades of a venue whose ids reach back seven days only."""
    limit = int(params["limit"])
    if "fromId" in params:
        recent = [t for t in book if t.integer("time") >= NOW - 7 * DAY]
        return [t for t in recent if t.integer("id") >= int(params["fromId"])][:limit]
    start = int(params["startTime"])
    end = int(params.get("endTime", start + WINDOW_MS - 1))
    assert end - start < WINDOW_MS
    return [t for t in book if start <= t.integer("time") <= end][:limit]


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("same_time", [1, 3, 900])
def test_every_ledger_entry_is_reached(newest_first: bool, same_time: int) -> None:
    """Whichever way the venue sorts, and with many in one millisecond."""
    book = [income(i, NOW - DAY + i // same_time) for i in range(3 * PAGE)]
    (request,) = ask(Part.LEDGER)
    assert request.cost == (("weight-1m", 30),)
    seen: set[int] = set()
    step: Request | None = request
    pages = 0
    while step is not None:
        params = dict(step.params)
        start, end = int(params["startTime"]), int(params["endTime"])
        rows = [e for e in book if start <= e.integer("time") <= end]
        page = (rows[::-1] if newest_first else rows)[:PAGE]
        seen.update(e.integer("tranId") for e in page)
        step = next_income(step, page)
        pages += 1
        assert pages < 20
    assert seen == {e.integer("tranId") for e in book}


def test_a_ledger_page_within_one_millisecond_still_goes_on() -> None:
    """The next page starts after it: asking for the same for ever helps nobody."""
    (request,) = ask(Part.LEDGER)
    start = int(dict(request.params)["startTime"])
    following = next_income(request, [income(i, start) for i in range(PAGE)])
    assert ("startTime", str(start + 1)) in following.params


def test_an_order_is_asked_for_by_its_best_id(order) -> None:
    """Venue id if known, else client id; never by both."""
    (request,) = DIALECT.query_order(order())
    assert request.params == (("symbol", "BTCUSDT"), ("orderId", "715550001234"))
    (request,) = DIALECT.query_order(order(venue_order_id=None))
    assert request.params == (("symbol", "BTCUSDT"), ("origClientOrderId", "cx1"))


def test_a_conditional_order_is_asked_for_in_both_stores(order) -> None:
    """It may have become an order meanwhile, under the same client id."""
    stop = order(order_type=OrderType.STOP_MARKET, price=None)
    waiting, became = DIALECT.query_order(stop)
    assert waiting.path == "/fapi/v1/algoOrder"
    assert waiting.params == (("algoId", "715550001234"),)
    assert became.params == (("symbol", "BTCUSDT"), ("origClientOrderId", "cx1"))
    doubt, _ = DIALECT.query_order(
        order(order_type=OrderType.STOP_MARKET, venue_order_id=None)
    )
    assert doubt.params == (("clientAlgoId", "cx1"),)
    _, known = DIALECT.query_order(
        order(order_type=OrderType.STOP_MARKET, triggered_order_id=VenueOrderId("9"))
    )
    assert known.params == (("symbol", "BTCUSDT"), ("orderId", "9"))


def test_a_local_name_never_goes_on_the_wire(order) -> None:
    """An order adopted without a usable id is asked for by the venue's id only."""
    stop = order(
        order_type=OrderType.STOP_MARKET,
        client_order_id=ClientOrderId("external~BTCUSDT~715550001234"),
    )
    (request,) = DIALECT.query_order(stop)
    assert request.params == (("algoId", "715550001234"),)


def test_a_snapshot_covers_the_whole_account() -> None:
    """Open orders and positions are asked without a symbol: external ones too."""
    orders = ask(Part.OPEN_ORDERS, "BTCUSDT")
    assert [(r.path, r.params, r.cost) for r in orders] == [
        ("/fapi/v1/openOrders", (), (("weight-1m", 40),)),
        ("/fapi/v1/openAlgoOrders", (), (("weight-1m", 40),)),
    ]
    (positions,) = ask(Part.POSITIONS, "BTCUSDT")
    assert (positions.path, positions.params) == ("/fapi/v3/positionRisk", ())


def test_every_part_can_be_asked_for() -> None:
    """Key permissions at their own host and pool; public data without a key."""
    requests = {part: ask(part, "BTCUSDT") for part in Part}
    assert requests.pop(Part.TIERS) == ()  # INSTRUMENTS bring them for all
    assert all(requests.values())
    (key_info,) = requests[Part.KEY_INFO]
    assert (key_info.host, key_info.cost) == (Host.KEY_INFO, ())
    assert all(
        r.host is Host.REST
        for part, several in requests.items()
        for r in several
        if part is not Part.KEY_INFO
    )
    assert [r.security for r in requests[Part.INSTRUMENTS]] == [
        Security.NONE,
        Security.SIGNED,
    ]


@pytest.mark.parametrize(
    ("count", "calls", "weight"), [(0, 1, 10), (1, 1, 1), (3, 3, 3), (4, 1, 10)]
)
def test_marks_are_asked_one_by_one_or_all(count: int, calls: int, weight: int) -> None:
    """Few symbols singly; many, or none named, in one call for all."""
    requests = ask(Part.MARKS, *(f"S{i}USDT" for i in range(count)))
    assert calls == len(requests)
    assert weight == sum(units for r in requests for _, units in r.cost)


def test_question_costs_are_the_published_ones(golden, dialect, order) -> None:
    """Against the golden table; "all" where no symbol is given."""
    table = {
        (row["method"], row["path"].removeprefix("https://api.binance.com")): row
        for row in golden("endpoints.json")
    }
    asked = [r for part in Part for r in ask(part, "BTCUSDT")]
    asked += [by_cursor(1), dialect.server_time(), *DIALECT.query_order(order())]
    asked += DIALECT.query_order(
        order(order_type=OrderType.STOP_LIMIT, price=Decimal(1))
    )
    for request in asked:
        weight = table[request.method, request.path]["weight"]
        if isinstance(weight, dict):
            weight = weight["symbol" if "symbol" in dict(request.params) else "all"]
        if request.host is Host.KEY_INFO:
            weight = 0
        assert sum(units for _, units in request.cost) == weight, request.op
