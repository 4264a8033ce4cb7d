"""Limits of the Binance face: windows, headers, refusals, bans, exceedances."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from connector.paper.faces.binance_usdm import FaceConfig, LimitConfig
from connector.paper.faces.binance_usdm.apierrors import ApiError
from connector.paper.faces.binance_usdm.limits import Limits

T0 = 1_795_341_600_000  # a whole minute
S = "BTCUSDT"


def test_windows_are_calendar_minutes_unless_strict() -> None:
    """The venue forgets at the full minute; strict mode counts any 60 s."""
    for strict, is_refused in ((False, False), (True, True)):
        limits = Limits(LimitConfig(weight_1m=10, is_strict=strict))
        limits.charge_weight("ip", 10, T0 + 59_000)
        outcome = (
            pytest.raises(ApiError, match="-1003") if is_refused else nullcontext()
        )
        with outcome:
            limits.charge_weight("ip", 10, T0 + 60_000)
        # either way a sliding window was exceeded, and that is on record
        (row,) = limits.exceedances
        assert (row.limit, row.count, row.allowed) == ("WEIGHT_1M", 20, 10)


def test_retry_after_tells_when_there_is_room() -> None:
    """Until the minute ends, or, strictly, until enough uses are a minute old."""
    for strict, wait in ((False, "10"), (True, "40")):
        limits = Limits(LimitConfig(weight_1m=10, is_strict=strict))
        limits.charge_weight("ip", 4, T0 + 10_000)
        limits.charge_weight("ip", 6, T0 + 30_000)
        with pytest.raises(ApiError) as caught:
            limits.charge_weight("ip", 5, T0 + 50_000)
        assert caught.value.headers == (("Retry-After", wait),)


def test_a_client_that_stays_inside_leaves_no_record() -> None:
    """Exactly the limit in every sliding window is no exceedance."""
    limits = Limits(LimitConfig(weight_1m=6, is_strict=True))
    for number in range(60):
        limits.charge_weight("ip", 1, T0 + number * 10_000)
    assert list(limits.exceedances) == []


def test_addresses_do_not_share() -> None:
    """Weight belongs to an address."""
    limits = Limits(LimitConfig(weight_1m=5))
    limits.charge_weight("a", 5, T0)
    limits.charge_weight("b", 5, T0)
    with pytest.raises(ApiError):
        limits.charge_weight("a", 1, T0)


def test_persisting_after_429_is_banned() -> None:
    """418 with the end of the ban in text and header; afterwards free again."""
    config = LimitConfig(weight_1m=5, calls_before_ban=3, ban_ms=120_000)
    limits = Limits(config)
    limits.charge_weight("ip", 5, T0)
    statuses = []
    for number in range(5):
        with pytest.raises(ApiError) as caught:
            limits.charge_weight("ip", 1, T0 + number)
        statuses.append(caught.value.status)
    assert statuses == [429, 429, 429, 418, 418]
    assert f"banned until {T0 + 3 + 120_000}" in caught.value.text
    assert caught.value.headers == (("Retry-After", "120"),)
    limits.charge_weight("ip", 1, T0 + 130_000)


def test_orders_are_counted_in_two_windows() -> None:
    """-1015 names the window; a refused order counts in neither."""
    limits = Limits(LimitConfig(orders_10s=3, orders_1m=5))
    for _ in range(3):
        limits.charge_orders("main", 1, 1, T0)
    with pytest.raises(ApiError, match="3 orders per TEN_SECONDS"):
        limits.charge_orders("main", 1, 1, T0 + 1)
    for _ in range(2):
        limits.charge_orders("main", 1, 1, T0 + 10_000)
    with pytest.raises(ApiError, match="5 orders per MINUTE"):
        limits.charge_orders("main", 1, 1, T0 + 20_000)
    limits.charge_orders("other", 1, 1, T0 + 20_000)


def test_headers_tell_what_was_used(stage: Any) -> None:
    """Used weight on every answer, order counts on orders, refused ones too."""

    async def story(bench: Any) -> None:
        answer = await bench.call("GET", "/fapi/v1/openOrders")
        assert answer.headers["X-MBX-USED-WEIGHT-1M"] == "40"
        assert "X-MBX-ORDER-COUNT-10S" not in answer.headers
        order = {"symbol": S, "side": "BUY", "type": "MARKET", "quantity": "0.010"}
        answer = await bench.call("POST", "/fapi/v1/order", **order)
        assert answer.headers["X-MBX-ORDER-COUNT-10S"] == "1"
        assert answer.headers["X-MBX-ORDER-COUNT-1M"] == "1"
        assert answer.headers["X-MBX-USED-WEIGHT-1M"] == "40"
        answer = await bench.call("POST", "/fapi/v1/order", **order, reduceOnly="x")
        assert answer.headers["X-MBX-ORDER-COUNT-10S"] == "2"
        bench.pass_ms(10_000)
        answer = await bench.call("POST", "/fapi/v1/order", **order)
        assert answer.headers["X-MBX-ORDER-COUNT-10S"] == "1"
        assert answer.headers["X-MBX-ORDER-COUNT-1M"] == "3"

    stage(story)


def test_too_many_requests_over_the_wire(stage: Any) -> None:
    """429 with Retry-After until the minute ends; then it goes on."""

    async def story(bench: Any) -> None:
        bench.pass_ms(53_000)
        for _ in range(3):
            answer = await bench.http.get("/fapi/v1/ping")
        assert answer.status_code == 429
        assert answer.headers["Retry-After"] == "7"
        assert answer.json()["code"] == -1003
        bench.pass_ms(7_000)
        assert (await bench.http.get("/fapi/v1/ping")).status_code == 200

    stage(story, config=FaceConfig(limits=LimitConfig(weight_1m=2)))


def test_cancels_do_not_count_as_orders(stage: Any) -> None:
    """Place, amend and algo place count; cancels and queries do not."""

    async def story(bench: Any) -> None:
        order = await bench.buy()
        by_id = {"symbol": S, "orderId": order["orderId"]}
        await bench.ok("DELETE", "/fapi/v1/order", **by_id)
        await bench.buy()
        code = (await bench.error("POST", "/fapi/v1/order", **by_id))[1]
        assert code == -1015

    stage(story, config=FaceConfig(limits=LimitConfig(orders_10s=2)))
