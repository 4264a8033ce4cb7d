"""Commands that look: orders, fills, positions, margin, reconcile."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.exits import ExitCode
from connector.cli.opening import Given, opened, resolved
from connector.cli.options import (
    JsonOption,
    ProfileOption,
    ProfilesOption,
    SymbolOption,
    seconds,
)
from connector.cli.output import Column, Output, clock_text, grouped
from connector.config.defaults import DEFAULT_PROFILE
from connector.model.noun import as_plain

if TYPE_CHECKING:
    from connector.model.account import Margin
    from connector.model.events import ReconcileReport
    from connector.model.order import Order


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (orders, fills, positions, margin, reconcile):
        app.command()(command)


_ORDER_COLUMNS = (
    Column("STATUS"),
    Column("SIDE"),
    Column("SYMBOL"),
    Column("FILLED", is_number=True),
    Column("QTY", is_number=True),
    Column("PRICE", is_number=True),
    Column("TRIGGER", is_number=True),
    Column("TYPE"),
    Column("CLIENT ORDER ID"),
)
_FILL_COLUMNS = (
    Column("TIME (UTC)"),
    Column("SIDE"),
    Column("SYMBOL"),
    Column("QTY", is_number=True),
    Column("PRICE", is_number=True),
    Column("FEE", is_number=True),
    Column("PNL", is_number=True),
    Column("ROLE"),
    Column("TRADE ID"),
    Column("ORDER"),
)
_POSITION_COLUMNS = (
    Column("SYMBOL"),
    Column("SIDE"),
    Column("QTY", is_number=True),
    Column("ENTRY", is_number=True),
    Column("MARK", is_number=True),
    Column("PNL", is_number=True),
    Column("LIQUIDATION", is_number=True),
    Column("LEVERAGE", is_number=True),
    Column("MODE"),
)


def orders(
    symbol: SymbolOption = None,
    profile: ProfileOption = DEFAULT_PROFILE,
    profiles: ProfilesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open orders, those in doubt first."""
    chosen = resolved(Given(profile=profile, profiles_file=profiles))
    out = Output(as_json=as_json)

    async def act() -> None:
        async with opened(chosen) as session:
            if symbol is not None:
                session.instrument(symbol)  # or it says which there are
            found = [o for o in session.orders if symbol in (None, o.symbol)]
            found.sort(key=lambda o: (o.in_doubt_since_ns is None, o.created_ns))
            rows = [_order_row(order) for order in found]
            out.records("order", found, _ORDER_COLUMNS, rows, "no open orders")

    asyncio.run(act())


def fills(
    symbol: SymbolOption = None,
    since: Annotated[
        str, typer.Option("--since", metavar="AGE", help="Such as 15m, 24h, 7d.")
    ] = "24h",
    profile: ProfileOption = DEFAULT_PROFILE,
    profiles: ProfilesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fills of the last day, as the venue tells them."""
    chosen = resolved(Given(profile=profile, profiles_file=profiles))
    out = Output(as_json=as_json)
    since_ms = time.time_ns() // 1_000_000 - seconds(since) * 1000

    async def act() -> None:
        async with opened(chosen) as session:
            found = await session.recent_fills(symbol, since_ms=since_ms)
            rows = [
                (
                    clock_text(fill.venue_ns),
                    fill.side.value,
                    fill.symbol,
                    fill.qty,
                    fill.price,
                    None if fill.fee is None else f"{fill.fee:f} {fill.fee_asset}",
                    fill.realized_pnl,
                    {True: "maker", False: "taker", None: ""}[fill.is_maker],
                    fill.trade_id,
                    fill.client_order_id or fill.venue_order_id,
                )
                for fill in found
            ]
            out.records("fill", found, _FILL_COLUMNS, rows, "no fills in that time")

    asyncio.run(act())


def positions(
    profile: ProfileOption = DEFAULT_PROFILE,
    profiles: ProfilesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Positions that are not flat."""
    chosen = resolved(Given(profile=profile, profiles_file=profiles))
    out = Output(as_json=as_json)

    async def act() -> None:
        async with opened(chosen) as session:
            found = session.positions
            rows = [
                (
                    p.symbol,
                    p.position_side.value,
                    p.qty,
                    p.entry_price,
                    p.mark_price,
                    None if p.unrealized_pnl is None else grouped(p.unrealized_pnl, 2),
                    p.liquidation_price
                    and round(p.liquidation_price, _places(p.entry_price)),
                    p.leverage and f"{p.leverage}x",
                    p.margin_mode.value,
                )
                for p in found
            ]
            out.records("position", found, _POSITION_COLUMNS, rows, "no positions")

    asyncio.run(act())


def margin(
    profile: ProfileOption = DEFAULT_PROFILE,
    profiles: ProfilesOption = None,
    as_json: JsonOption = False,
) -> None:
    """The account's collateral, and how far away liquidation is."""
    chosen = resolved(Given(profile=profile, profiles_file=profiles))
    out = Output(as_json=as_json)

    async def act() -> ExitCode:
        async with opened(chosen) as session:
            found = session.margin
            if found is None:
                out.say("error: the venue's facts do not allow to compute margin")
                return ExitCode.FAILED
            out.record({"type": "margin", **as_plain(found)}, margin_text(found))
            return ExitCode.OK

    raise typer.Exit(asyncio.run(act()))


def reconcile(
    profile: ProfileOption = DEFAULT_PROFILE,
    profiles: ProfilesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare with the venue, report what was missed.

    Prints two reports: of the time since this command or `place` last ran, and of a
    second look afterwards. The first time, the first report is of this moment only.
    Bots keep journals of their own, which are left alone. Exit code 6 if anything
    does not tie out.
    """
    chosen = resolved(Given(profile=profile, profiles_file=profiles))
    out = Output(as_json=as_json)

    async def act() -> ExitCode:
        async with opened(chosen, keeps_journal=True) as session:
            reports = [session.last_report, await session.reconcile()]
        told = [report for report in reports if report is not None]
        for report in told:
            out.record(report_record(report), report.text())
        if told[-1].is_clean:
            return ExitCode.OK
        last = told[-1]
        count = len(last.differences_left) + len(last.differences_watched)
        out.say(
            f"error: {count} differences and "
            f"{len(last.in_doubt_left)} orders in doubt are left. Next: run it "
            "again in a minute; if it stays, compare with the venue's web page"
        )
        return ExitCode.DIFFERENCES

    raise typer.Exit(asyncio.run(act()))


def report_record(report: ReconcileReport) -> dict[str, object]:
    """A report for programs."""
    return {"type": "report", "is_clean": report.is_clean, **report.as_dict()}


def margin_text(found: Margin) -> str:
    """Margin for people, one number per line."""
    ratio = "nothing at risk"
    if found.margin_ratio is not None:
        ratio = f"{found.margin_ratio * 100:.2f} % (100 % is liquidation)"
    numbers = (
        ("equity", found.equity),
        ("wallet", found.wallet),
        ("unrealized pnl", found.unrealized_pnl),
        ("initial margin", found.initial_margin),
        ("maintenance margin", found.maintenance_margin),
        ("available", found.available),
    )
    shown = [(name, grouped(value, 2)) for name, value in numbers]
    width = max(len(text) for _, text in shown)
    lines = [f"{name:<20}{text:>{width}} {found.currency}" for name, text in shown]
    return "\n".join((*lines, f"{'margin ratio':<20}{ratio}"))


def _order_row(order: Order) -> tuple[object, ...]:
    return (
        order.status.value,
        order.side.value,
        order.symbol,
        order.filled_qty,
        "all" if order.qty is None else order.qty,
        order.price,
        order.trigger_price,
        order.order_type.value,
        order.client_order_id or order.venue_order_id,
    )


def _places(price: Decimal) -> int:
    exponent = price.normalize().as_tuple().exponent
    return max(2, -exponent) if isinstance(exponent, int) else 2
