"""Order entry by frame and the life of the stream key, client against venue."""

from __future__ import annotations

from decimal import Decimal

import pytest
from binance_usdm_world import BASE, BTC, ORDERS, World, known, rules

from connector.dialect.facts import ControlFact, ControlKind, OrderFact
from connector.dialect.wire import Call, Fail, ScriptFailure, Verdict
from connector.model.ids import ClientOrderId
from connector.model.money import floor_to_grid
from connector.model.noun import replace
from connector.model.order import (
    Order,
    OrderIntent,
    OrderStatus,
    OrderType,
    Side,
    Terms,
    TriggerPriceType,
)
from connector.venues.signing import generate_ed25519

D = Decimal


@pytest.fixture(params=["hmac", "ed25519"])
def world(request) -> World:
    """A venue that knows one key of either kind, with order entry open."""
    if request.param == "hmac":
        world = World()
    else:
        world = World(secret=generate_ed25519()[0].reveal())
    script = world.dialect.order_script(BASE)
    assert script is not None
    world.converse(script, ORDERS)
    return world


def bid(world: World) -> OrderIntent:
    return OrderIntent(
        symbol=BTC,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        qty=D("0.010"),
        price=floor_to_grid(world.mark() * D("0.97"), D("0.1")),
        post_only=True,
    )


def test_a_frame_does_what_a_call_does(world: World) -> None:
    """Place, amend, cancel, and their refusals: the same facts by either way, the
    same counts, and the stream tells of both."""
    intent = bid(world)
    told = []
    for index, send in enumerate((world.call, world.call_by_frame)):
        name = ClientOrderId(f"way{index}")
        placed = send(world.dialect.place(intent, name, rules()))
        order = known(placed.facts[0])
        price = intent.price - 10
        amended = send(
            world.dialect.amend(order, rules(), Terms(qty=D("0.011"), price=price))
        )
        cancel = world.dialect.cancel(order)
        again = [send(cancel), send(cancel)]
        replies = [placed, amended, *again]
        told.append(
            [
                (
                    reply.verdict,
                    reply.code,
                    [
                        replace(
                            fact,
                            venue_order_id=None,
                            client_order_id=None,
                            venue_ns=0,
                        )
                        for fact in reply.facts
                    ],
                    {bucket for bucket, _ in reply.used},
                )
                for reply in replies
            ]
        )
        states = [
            fact.status
            for fact in world.facts
            if isinstance(fact, OrderFact) and fact.client_order_id == name
        ]
        assert states == [OrderStatus.NEW, OrderStatus.NEW, OrderStatus.CANCELED]
    assert told[0] == told[1]
    assert [verdict for verdict, *_ in told[0]] == [
        Verdict.OK,
        Verdict.OK,
        Verdict.OK,
        Verdict.NOT_OPEN,
    ]


def test_conditional_orders_by_frame(world: World) -> None:
    """Placed and cancelled in the algo service."""
    intent = replace(
        bid(world),
        side=Side.SELL,
        order_type=OrderType.STOP_MARKET,
        price=None,
        post_only=False,
        trigger_price=bid(world).price,
        trigger_price_type=TriggerPriceType.MARK,
    )
    placed = world.call_by_frame(
        world.dialect.place(intent, ClientOrderId("stop1"), rules())
    )
    (fact,) = placed.facts
    assert isinstance(fact, OrderFact)
    assert fact.is_conditional
    reply = world.call_by_frame(world.dialect.cancel(known(fact)))
    assert reply.verdict is Verdict.OK
    waiting, became = map(world.call, world.dialect.query_order(known(fact)))
    assert (waiting.verdict, became.verdict) == (Verdict.OK, Verdict.NOT_FOUND)


def test_a_late_command_is_refused_by_either_way(world: World) -> None:
    """Signed in time, arrived after its deadline: not executed, and the clock is
    doubted."""
    request = world.dialect.place(bid(world), ClientOrderId("late"), rules())
    wire = world.dialect.sign_request_frame(request, world.signer, "f", world.now)
    assert wire.deadline_ms is not None
    world.now = wire.deadline_ms + 1
    (fact,) = world.exchange(wire.text, ORDERS)
    reply = world.dialect.read_frame_reply(request, fact.raw)
    assert reply.verdict is Verdict.NOT_EXECUTED
    assert reply.is_clock_error
    nobody = Order(
        client_order_id=ClientOrderId("late"),
        venue_order_id=None,
        symbol=BTC,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        status=OrderStatus.IN_DOUBT,
        qty=None,
        price=None,
    )
    (query,) = world.dialect.query_order(nobody)
    assert world.call(query).verdict is Verdict.NOT_FOUND


def test_an_expired_key_is_told_and_a_new_one_is_asked_for(world: World) -> None:
    """The farewell comes over the stream; its script starts over."""
    world.face.command("expire_key", {}, world.now)
    world.pass_time(1)
    (control,) = [f for f in world.facts if isinstance(f, ControlFact)]
    assert control.kind is ControlKind.KEY_EXPIRED
    (step,) = world.dialect.private_script(BASE).on_control(control, 0)
    assert isinstance(step, Fail)
    assert step.failure is ScriptFailure.NEW_KEY


def test_a_deleted_key_is_noticed_by_the_keep_alive(world: World) -> None:
    """Another client closed it: the stream is silent, the next PUT tells."""
    script = world.dialect.private_script(BASE)
    world.converse(script, 3)
    due = script.next_tick_ns
    assert due is not None
    (step,) = script.on_tick(due)
    assert isinstance(step, Call)
    assert script.on_reply(step.request, world.call(step.request), due) == ()
    world.face.command("delete_key", {}, world.now)
    (step,) = script.on_tick(due)
    assert isinstance(step, Call)
    (end,) = script.on_reply(step.request, world.call(step.request), due)
    assert isinstance(end, Fail)
    assert end.failure is ScriptFailure.NEW_KEY
