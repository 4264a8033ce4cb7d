"""The dead-man switch: armed before exposure leaves, renewed while it rests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connector.core.effects import SendCall
from connector.core.inputs import LinkRole, StreamClosed
from connector.dialect import DeadMan, DeadManKind
from connector.dialect.wire import Reply, Verdict
from connector.errors import Unprotected
from connector.model.events import Alarm
from connector.model.order import Accepted, OrderStatus, Side

TIMEOUT_S = 120.0


def armed(desk: Any) -> list[tuple[float, str, str]]:
    """Every arming so far: when, which instrument, milliseconds."""
    return [
        (at, request.context["symbol"], request.context["timeout_ms"])
        for at, request in desk.sent
        if request.op == "dead_man"
    ]


def ops(desk: Any) -> list[str]:
    return [request.op for _, request in desk.sent]


def alarms(desk: Any) -> list[str]:
    return [alarm.code for alarm in desk.told(Alarm)]


def rest_one(desk: Any, client: str = "c1", venue: str = "7") -> None:
    """An accepted order that rests."""
    desk.answer("place", desk_ok(desk.state(client, venue)))
    desk.push(desk.state(client, venue))


def desk_ok(*facts: Any) -> Any:
    return Reply(verdict=Verdict.OK, facts=facts)


@pytest.fixture
def guarded(make_desk: Callable[..., Any]) -> Any:
    """A live desk with a switch of two minutes."""
    return make_desk(dead_man_s=TIMEOUT_S).open()


def test_not_wanted_is_never_armed(desk: Any) -> None:
    """Without `dead_man_s` the venue is never asked for a switch."""
    desk.buy()
    desk.wait(1)
    assert armed(desk) == []


def test_armed_before_the_order_leaves(guarded: Any) -> None:
    """No exposing order is sent, or journaled, before the switch is armed."""
    guarded.held.add("dead_man")
    ticket = guarded.buy()
    assert ops(guarded) == ["dead_man"]
    assert [k for k in guarded.records if k[0] == "intent"] == []
    guarded.answer("dead_man", desk_ok())
    assert ops(guarded) == ["dead_man", "place"]
    rest_one(guarded)
    assert isinstance(guarded.outcomes[ticket], Accepted)


def test_second_order_does_not_wait(guarded: Any) -> None:
    """An armed switch covers the next order of the instrument at once."""
    guarded.buy()
    rest_one(guarded)
    guarded.clear()
    guarded.buy()
    assert ops(guarded) == ["place"]


def test_renewed_while_orders_rest(guarded: Any) -> None:
    """A quarter of its time after arming it is armed again, and so on."""
    guarded.buy()
    rest_one(guarded)
    start = guarded.t
    guarded.wait(TIMEOUT_S * 2 + 1)
    due = [start + n * TIMEOUT_S / 4 for n in range(9)]
    assert [at for at, _, _ in armed(guarded)] == pytest.approx(due, abs=0.01)
    assert {ms for _, _, ms in armed(guarded)} == {"120000"}
    assert alarms(guarded) == []


def test_disarmed_when_nothing_rests(guarded: Any) -> None:
    """Some time after the last order it is switched off, and asked no more."""
    guarded.buy()
    rest_one(guarded)
    guarded.push(guarded.state("c1", "7", OrderStatus.CANCELED))
    guarded.wait(TIMEOUT_S * 3)
    assert armed(guarded)[-1][2] == "0"
    count = len(armed(guarded))
    guarded.wait(TIMEOUT_S * 3)
    assert len(armed(guarded)) == count
    assert alarms(guarded) == []


def test_order_during_disarming_is_armed_again(guarded: Any) -> None:
    """An order that comes while the switch is being switched off waits for it."""
    guarded.buy()
    rest_one(guarded)
    guarded.push(guarded.state("c1", "7", OrderStatus.CANCELED))
    guarded.held.add("dead_man")
    for _ in range(10):
        guarded.wait(TIMEOUT_S / 4)
        if not guarded.open_calls("dead_man"):
            continue
        call = guarded.calls[guarded.open_calls("dead_man")[0]]
        if call.context["timeout_ms"] == "0":
            break
        guarded.answer("dead_man", desk_ok())
    guarded.clear()
    guarded.buy()
    assert ops(guarded) == []
    guarded.answer("dead_man", desk_ok())  # switched off
    assert armed(guarded)[-1][2] == "120000"
    guarded.answer("dead_man", desk_ok())
    assert ops(guarded)[-1] == "place"


def test_refused_switch_refuses_exposure(guarded: Any, story: Any) -> None:
    """The venue says no: nothing is journaled or sent, the user is told."""
    guarded.answers["dead_man"] = lambda _: story.no(Verdict.REJECTED, "-1")
    ticket = guarded.buy()
    assert isinstance(guarded.outcomes[ticket], Unprotected)
    assert "place" not in ops(guarded)
    assert [k for k in guarded.records if k[0] == "intent"] == []
    assert alarms(guarded) == ["dead_man.refused"]
    guarded.buy()
    guarded.wait(5)
    assert len(armed(guarded)) == 1, "a refusal is not asked for over and over"


def test_unanswered_switch_refuses_exposure_in_time(guarded: Any) -> None:
    """Without an answer the order is refused after `order_wait_s`."""
    guarded.held.add("dead_man")
    ticket = guarded.buy()
    guarded.wait(4.9)
    assert ticket not in guarded.outcomes
    guarded.wait(0.2)
    assert isinstance(guarded.outcomes[ticket], Unprotected)


def test_reduce_only_does_not_wait(guarded: Any) -> None:
    """What makes the position smaller leaves at once."""
    guarded.position("5")
    guarded.push(guarded.position("5"))
    guarded.held.add("dead_man")
    guarded.submit(guarded.intent(side=Side.SELL, reduce_only=True))
    assert "place" in ops(guarded)


def test_lost_renewal_is_repeated(guarded: Any) -> None:
    """A renewal without an answer is asked again long before the time is up."""
    guarded.buy()
    rest_one(guarded)
    guarded.clear()
    guarded.held.add("dead_man")
    guarded.wait(TIMEOUT_S / 4 + 0.1)
    guarded.fail("dead_man", maybe_sent=True)
    guarded.held.remove("dead_man")
    guarded.wait(1)
    assert len(armed(guarded)) == 2
    guarded.wait(TIMEOUT_S)
    assert alarms(guarded) == []


def test_late_renewal_is_told(guarded: Any) -> None:
    """Not renewed in time: the venue may have fired, and the user hears it once."""
    guarded.buy()
    rest_one(guarded)
    guarded.clear()
    guarded.answers["dead_man"] = lambda _: no_answer()
    guarded.wait(TIMEOUT_S + 5)
    assert alarms(guarded) == ["dead_man.late"]


def no_answer() -> Any:
    return Reply(verdict=Verdict.UNKNOWN, code="NO_ANSWER")


def test_orders_of_an_earlier_run_are_armed(guarded: Any, story: Any) -> None:
    """A restart finds its own orders resting and arms for them."""
    guarded.buy()
    rest_one(guarded)
    again = story.reborn(guarded, dead_man_s=TIMEOUT_S)
    again.open()
    assert again.core.dead_man.is_armed(story.BTC, again.now)


def test_foreign_orders_are_not_armed_for(guarded: Any) -> None:
    """A countdown that our death starts must not cancel a person's orders."""
    guarded.push(guarded.state("web-1", "9"))
    guarded.wait(1)
    assert armed(guarded) == []


def test_account_timer_is_one_for_all(make_desk: Callable[..., Any], tiny: Any) -> None:
    """One countdown serves every instrument."""
    spec = DeadMan(kind=DeadManKind.ACCOUNT_TIMER, min_ms=2_000, max_ms=600_000)
    desk = make_desk(dead_man_s=TIMEOUT_S, facts={"dead_man": spec}).open()
    desk.buy()
    desk.buy(symbol=tiny.ETH)
    assert [symbol for _, symbol, _ in armed(desk)] == [""]
    assert ops(desk).count("place") == 2


class TestOrderConnection:
    """A switch bound to the connection of order entry."""

    @pytest.fixture
    def bound(self, make_desk: Callable[..., Any]) -> Any:
        spec = DeadMan(kind=DeadManKind.ORDER_CONNECTION, min_ms=2_000, max_ms=600_000)
        facts = {"dead_man": spec}
        return make_desk(dead_man_s=TIMEOUT_S, facts=facts, ws_api="o")

    def test_armed_on_every_connection(self, bound: Any) -> None:
        """Each connection is armed when it comes up, as a frame of it."""
        bound.open()
        assert bound.core.dead_man.is_armed("BTCUSDT", bound.now)
        link = bound.core.order_link
        bound.feed(StreamClosed(LinkRole.ORDERS, link.epoch, "reset"))
        assert not bound.core.dead_man.is_armed("BTCUSDT", bound.now)
        bound.wait(2)
        assert bound.core.dead_man.is_armed("BTCUSDT", bound.now)
        calls = [e for e in bound.effects if isinstance(e, SendCall)]
        arming = [e for e in calls if e.request.op == "dead_man"]
        assert [(e.frame_epoch, e.is_frame_only) for e in arming] == [
            (link.epoch, True)
        ]

    def test_exposure_goes_as_a_frame_or_not_at_all(self, bound: Any) -> None:
        """An order by HTTP would not be covered."""
        bound.open()
        bound.buy()
        placing = [
            effect
            for effect in bound.effects
            if isinstance(effect, SendCall) and effect.request.op == "place"
        ]
        assert [effect.is_frame_only for effect in placing] == [True]

    def test_without_a_connection_exposure_is_refused(self, bound: Any) -> None:
        """Order entry is down: nothing can be protected."""
        bound.open()
        bound.streams_auto = False
        link = bound.core.order_link
        bound.feed(StreamClosed(LinkRole.ORDERS, link.epoch, "reset"))
        ticket = bound.buy()
        bound.wait(6)
        assert isinstance(bound.outcomes[ticket], Unprotected)
        assert "place" not in ops(bound)


def test_renewals_must_fit_into_the_timeout() -> None:
    """A dialect whose switch would run out between two renewals is refused."""
    with pytest.raises(ValueError, match="renewals"):
        DeadMan(kind=DeadManKind.ACCOUNT_TIMER, min_ms=1_000, max_ms=60_000)
