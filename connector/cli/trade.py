"""``place``, ``amend``, ``cancel``, ``cancel-all``: commands that act."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli.exits import ExitCode
from connector.cli.opening import Given, acting, opened, resolved
from connector.cli.options import (
    JsonOption,
    LiveOption,
    PriceOption,
    ProfileOption,
    ProfilesOption,
    QtyOption,
    TriggerOption,
    amount,
)
from connector.cli.output import Output, json_line
from connector.cli.wording import order_text, outcome_code, outcome_record, outcome_talk
from connector.config.defaults import DEFAULT_PROFILE
from connector.errors import UsageError

if TYPE_CHECKING:
    from connector.config.profiles import Profile
    from connector.model.order import Order, OrderIntent, Outcome
    from connector.session import Session


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(place)
    app.command()(amend)
    app.command()(cancel)
    app.command("cancel-all")(cancel_all)


def _price_option(name: str, text: str, *more: str) -> Any:
    return typer.Option(name, *more, parser=amount, metavar="PRICE", help=text)


StopOption = Annotated[
    Decimal | None, _price_option("--stop", "Stop: trigger when the price gets worse.")
]
TakeProfitOption = Annotated[
    Decimal | None,
    _price_option("--take-profit", "Trigger when the price gets better."),
]
AttachTakeProfitOption = Annotated[
    Decimal | None,
    _price_option("--attach-take-profit", "Close what this opens at a better price."),
]
AttachStopLossOption = Annotated[
    Decimal | None,
    _price_option("--attach-stop-loss", "Close what this opens at a worse price."),
]
ActivationOption = Annotated[
    Decimal | None, _price_option("--activation", "A trailing stop begins here.")
]
TrailingOption = Annotated[
    Decimal | None,
    typer.Option(
        "--trailing", parser=amount, metavar="PERCENT", help="Trailing stop: callback."
    ),
]
TrailingOffsetOption = Annotated[
    Decimal | None,
    _price_option("--trailing-offset", "Trailing stop: distance in price."),
]
PriceUnitOption = Annotated[
    str,
    typer.Option(
        "--price-unit",
        metavar="WORD",
        help="Of --limit: QUOTE; for options USD or VOLATILITY (percent a year).",
    ),
]
TriggerByOption = Annotated[
    str,
    typer.Option(
        "--trigger-by", metavar="WORD", help="Price that triggers: LAST, MARK, INDEX."
    ),
]
TimeInForceOption = Annotated[
    str,
    typer.Option(
        "--time-in-force", "--tif", metavar="WORD", help="GTC, IOC, FOK or GTD."
    ),
]
GoodTillOption = Annotated[
    int | None, typer.Option("--good-till", metavar="MS", help="End of GTD, UTC ms.")
]
PositionSideOption = Annotated[
    str,
    typer.Option(
        "--position-side", metavar="WORD", help="NET, LONG or SHORT (hedge mode)."
    ),
]
PreventionOption = Annotated[
    str,
    typer.Option(
        "--self-trade-prevention",
        metavar="WORD",
        help="DEFAULT, NONE, EXPIRE_TAKER, EXPIRE_MAKER, EXPIRE_BOTH.",
    ),
]
PostOnlyOption = Annotated[
    bool, typer.Option("--post-only", help="Never take liquidity.")
]
ReduceOnlyOption = Annotated[
    bool, typer.Option("--reduce-only", help="Never add exposure.")
]
ClosePositionOption = Annotated[
    bool, typer.Option("--close-position", help="Close all when triggered; no --qty.")
]
PriceProtectOption = Annotated[
    bool, typer.Option("--price-protect", help="Not when mark and last differ a lot.")
]
WaitOption = Annotated[
    float,
    typer.Option(
        "--wait", min=0, max=86400, metavar="SECONDS", help="Wait for the final state."
    ),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Print the signed request, send nothing.")
]
AtOption = Annotated[
    int | None,
    typer.Option("--at", min=0, metavar="MS", help="With --dry-run: venue time, UTC."),
]


def place(
    side: Annotated[str, typer.Argument(metavar="SIDE", help="buy or sell.")],
    symbol: Annotated[
        str, typer.Argument(metavar="SYMBOL", help="For example BTCUSDT.")
    ],
    qty: QtyOption = None,
    limit: PriceOption = None,
    post_only: PostOnlyOption = False,
    time_in_force: TimeInForceOption = "GTC",
    good_till_ms: GoodTillOption = None,
    reduce_only: ReduceOnlyOption = False,
    stop: StopOption = None,
    take_profit: TakeProfitOption = None,
    trigger_by: TriggerByOption = "LAST",
    trailing: TrailingOption = None,
    trailing_offset: TrailingOffsetOption = None,
    activation: ActivationOption = None,
    price_unit: PriceUnitOption = "QUOTE",
    close_position: ClosePositionOption = False,
    price_protect: PriceProtectOption = False,
    attach_take_profit: AttachTakeProfitOption = None,
    attach_stop_loss: AttachStopLossOption = None,
    position_side: PositionSideOption = "NET",
    self_trade_prevention: PreventionOption = "DEFAULT",
    wait_s: WaitOption = 0,
    dry_run: DryRunOption = False,
    at_ms: AtOption = None,
    profile: ProfileOption = DEFAULT_PROFILE,
    profiles: ProfilesOption = None,
    live: LiveOption = False,
    as_json: JsonOption = False,
) -> None:
    """Place an order: market without --limit and trigger.

    Example: connector place buy BTCUSDT --qty 0.010 --limit 60000
    """
    # As long as its options are many: each is a parameter, and is handed on by name.
    if at_ms is not None and not dry_run:
        raise UsageError("--at goes with --dry-run only")
    word, symbol = _side_and_symbol(side, symbol)
    if qty is None and not close_position:
        raise UsageError("say how much with --qty, for example --qty 0.010")
    from connector.model.order import Side
    from connector.session.intents import make_intent

    intent = make_intent(
        Side(word),
        symbol,
        qty,
        limit=limit,
        post_only=post_only,
        time_in_force=time_in_force,
        good_till_ms=good_till_ms,
        reduce_only=reduce_only,
        position_side=position_side,
        self_trade_prevention=self_trade_prevention,
        stop=stop,
        take_profit=take_profit,
        trigger_by=trigger_by,
        trailing=trailing,
        trailing_offset=trailing_offset,
        activation=activation,
        price_unit=price_unit,
        close_position=close_position,
        price_protect=price_protect,
        attach_take_profit=attach_take_profit,
        attach_stop_loss=attach_stop_loss,
    )
    given = Given(profile=profile, profiles_file=profiles, live=live)
    out = Output(as_json=as_json)
    if dry_run:
        asyncio.run(_preview(resolved(given), intent, at_ms, out))
        return
    raise typer.Exit(asyncio.run(_place(acting(given), intent, wait_s, out)))


def amend(
    order: Annotated[
        str, typer.Argument(metavar="ORDER", help="Its client or venue id.")
    ],
    qty: QtyOption = None,
    limit: PriceOption = None,
    trigger: TriggerOption = None,
    profile: ProfileOption = DEFAULT_PROFILE,
    profiles: ProfilesOption = None,
    live: LiveOption = False,
    as_json: JsonOption = False,
) -> None:
    """Change quantity, price or trigger price of an open order.

    The quantity is the total, with what is filled already.
    """
    if qty is None and limit is None and trigger is None:
        raise UsageError("say what to change: --qty, --limit or --trigger")
    chosen = acting(Given(profile=profile, profiles_file=profiles, live=live))
    out = Output(as_json=as_json)

    async def act() -> ExitCode:
        async with opened(chosen) as session:
            found = _find(session, order, chosen)
            outcome = await session.amend(
                found, qty=qty, price=limit, trigger_price=trigger
            )
            return _told("amend", [outcome], chosen, out)

    raise typer.Exit(asyncio.run(act()))


def cancel(
    orders: Annotated[
        list[str], typer.Argument(metavar="ORDER", help="Client or venue ids.")
    ],
    profile: ProfileOption = DEFAULT_PROFILE,
    profiles: ProfilesOption = None,
    live: LiveOption = False,
    as_json: JsonOption = False,
) -> None:
    """Cancel orders by id."""
    chosen = acting(Given(profile=profile, profiles_file=profiles, live=live))
    out = Output(as_json=as_json)

    async def act() -> ExitCode:
        async with opened(chosen) as session:
            found = [_find(session, order, chosen) for order in orders]
            outcomes = await session.cancel_batch(found)
            return _told("cancel", outcomes, chosen, out)

    raise typer.Exit(asyncio.run(act()))


def cancel_all(
    symbol: Annotated[
        str | None,
        typer.Argument(metavar="SYMBOL", help="Only this instrument; without: all."),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind", metavar="WORD", help="Only perpetual, future, option or spot."
        ),
    ] = None,
    profile: ProfileOption = DEFAULT_PROFILE,
    profiles: ProfilesOption = None,
    live: LiveOption = False,
    as_json: JsonOption = False,
) -> None:
    """Cancel every open order, conditional ones included."""
    chosen = acting(Given(profile=profile, profiles_file=profiles, live=live))
    out = Output(as_json=as_json)

    async def act() -> ExitCode:
        async with opened(chosen) as session:
            ended = await session.cancel_all(symbol, kind=kind)
            for order in ended:
                out.record({"type": "order", "order": order}, order_text(order))
            if not ended:
                out.say("no open orders: nothing to cancel")
            left = [order for order in ended if order.is_open]
            if left:
                out.say(
                    f"{len(left)} may still be open. Next: connector orders "
                    f"--profile {chosen}"
                )
            return ExitCode.IN_DOUBT if left else ExitCode.OK

    raise typer.Exit(asyncio.run(act()))


async def _place(
    profile: Profile, intent: OrderIntent, wait_s: float, out: Output
) -> ExitCode:
    async with opened(profile, keeps_journal=True) as session:
        try:
            placed = await session.submit(intent)
        except asyncio.CancelledError:
            out.say(
                "interrupted; whether the order exists is not known here. Next: "
                f"connector orders --profile {profile}"
            )
            raise
        if wait_s and placed.is_open:
            try:
                await placed.wait_done(wait_s)
            except TimeoutError:
                out.say(f"still open after {wait_s:g} s")
            except asyncio.CancelledError:
                _told("place", [placed.outcome], profile, out)
                out.say(
                    "interrupted; the order stays at the venue. Next: connector cancel "
                    f"{placed.client_order_id} --profile {profile}"
                )
                raise
        outcome = placed.outcome
        code = outcome_code(outcome)
        out.record(
            outcome_record("place", outcome, placed.order), order_text(placed.order)
        )
        _talk("place", outcome, profile, out)
        return code


async def _preview(
    profile: Profile, intent: OrderIntent, at_ms: int | None, out: Output
) -> None:
    async with opened(profile) as session:
        shown = session.preview(intent, at_ms=at_ms)
    if out.as_json:
        print(json_line({"type": "preview", **shown}))
    else:
        for name, value in shown.items():
            print(f"{name}: {value if isinstance(value, str) else json_line(value)}")
    out.say("dry run: nothing was sent")


def _told(
    action: str, outcomes: Iterable[Outcome], profile: Profile, out: Output
) -> ExitCode:
    """Print outcomes; the exit code of the worst."""
    worst = ExitCode.OK
    for outcome in outcomes:
        out.record(
            outcome_record(action, outcome, outcome.order), order_text(outcome.order)
        )
        _talk(action, outcome, profile, out)
        worst = max(worst, outcome_code(outcome), key=_BADNESS.index)
    return worst


_BADNESS = (
    ExitCode.OK,
    ExitCode.REJECTED,
    ExitCode.FAILED,
    ExitCode.UNREACHABLE,
    ExitCode.IN_DOUBT,
)


def _talk(action: str, outcome: Outcome, profile: Profile, out: Output) -> None:
    text = outcome_talk(action, outcome, profile.text)
    if text:
        out.say(text)


def _find(session: Session, wanted: str, profile: Profile) -> Order:
    """The order that a typed id means, open or lately closed."""
    for order in session.orders:
        if wanted in (order.client_order_id, order.venue_order_id):
            return order
    known = session.order(wanted)
    if known is not None:
        return known
    some = ", ".join(order.client_order_id for order in session.orders[:5])
    raise UsageError(
        f"no open order {wanted[:64]!r}; "
        + (f"open are: {some}" if some else "no order is open")
        + f". Nothing was sent. Next: connector orders --profile {profile}"
    )


def _side_and_symbol(first: str, second: str) -> tuple[str, str]:
    """Either order is understood: nobody should sell because he mixed them up."""
    sides = ("BUY", "SELL")
    if first.upper() in sides:
        return first.upper(), second.upper()
    if second.upper() in sides:
        return second.upper(), first.upper()
    raise UsageError(
        f"{first[:40]!r} is neither buy nor sell; write: connector place buy BTCUSDT "
        "--qty 0.010 --limit 60000"
    )
