"""``connector watch``: everything about one profile on one screen."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections import deque
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.opening import Given, opened, resolved
from connector.cli.options import JsonOption, ProfileOption, ProfilesOption
from connector.cli.output import Output, json_line
from connector.config.defaults import DEFAULT_PROFILE
from connector.model.noun import as_plain

if TYPE_CHECKING:
    from connector.config.profiles import Profile
    from connector.model.events import Event
    from connector.model.order import Fill
    from connector.session import Session

REDRAW_S = 0.25
IDLE_REDRAW_S = 1.0
_FILLS_KEPT = 8
_FILLS_SINCE_MS = 86_400_000


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(watch)


def watch(
    once: Annotated[bool, typer.Option("--once", help="Draw one frame, exit.")] = False,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0, help="Stop after this time.")
    ] = None,
    width: Annotated[
        int | None, typer.Option("--width", min=60, max=400, help="Characters.")
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            "--metrics-port", min=0, max=65535, help="Serve Prometheus metrics there."
        ),
    ] = None,
    profile: ProfileOption = DEFAULT_PROFILE,
    profiles: ProfilesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Margin, positions, orders and channels on one live screen.

    Sends no orders. With --json (or through a pipe) one event per line instead of a
    screen.
    """
    chosen = resolved(Given(profile=profile, profiles_file=profiles))
    asyncio.run(
        _watch(
            chosen,
            once=once,
            seconds=seconds,
            width=width,
            json=as_json,
            metrics_port=metrics_port,
        )
    )


async def _watch(
    profile: Profile,
    *,
    once: bool,
    seconds: float | None,
    width: int | None,
    json: bool,
    metrics_port: int | None,
) -> None:
    recent: deque[Fill] = deque(maxlen=_FILLS_KEPT)

    def keep(event: Event) -> None:
        from connector.model.events import FillEvent

        if isinstance(event, FillEvent):
            recent.appendleft(event.fill)

    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(opened(profile, on_event=keep))
        if metrics_port is not None:
            from connector.cli.metrics import metrics_served

            serving = metrics_served(session, metrics_port, "127.0.0.1")
            port = await stack.enter_async_context(serving)
            Output().say(f"metrics on http://127.0.0.1:{port}/metrics")
        try:
            async with asyncio.timeout(seconds):
                if json and not once:
                    await _stream(session, as_json=True)
                elif not once and not sys.stdout.isatty():
                    await _stream(session, as_json=False)
                else:
                    await _load_fills(session, recent)
                    await _screen(session, recent, once=once, width=width, json=json)
        except TimeoutError:
            pass


async def _load_fills(session: Session, recent: deque[Fill]) -> None:
    """Fills of the last day that were not told by an event."""
    since_ms = time.time_ns() // 1_000_000 - _FILLS_SINCE_MS
    known = {(fill.symbol, fill.trade_id) for fill in recent}
    for fill in reversed(await session.recent_fills(since_ms=since_ms)):
        if len(recent) == _FILLS_KEPT:
            break
        if (fill.symbol, fill.trade_id) not in known:
            recent.append(fill)


async def _stream(session: Session, *, as_json: bool) -> None:
    from connector.cli.wording import event_text
    from connector.model.events import event_dict

    async for event in session.events():
        print(
            json_line(event_dict(event)) if as_json else event_text(event), flush=True
        )


async def _screen(
    session: Session,
    recent: deque[Fill],
    *,
    once: bool,
    width: int | None,
    json: bool,
) -> None:
    from rich.console import Console
    from rich.live import Live

    from connector.cli.watch_render import render, rows_for
    from connector.cli.watch_view import view_of

    columns = width or shutil.get_terminal_size((80, 24)).columns
    if once:
        view = view_of(session, recent, time.time_ns())
        if json:
            print(json_line({"type": "snapshot", **as_plain(view)}))
        else:
            Console(width=columns).print(render(view, columns))
        return
    console = Console(width=width)
    with Live(console=console, screen=True, auto_refresh=False) as screen:
        while True:
            view = view_of(session, recent, time.time_ns())
            rows = rows_for(console.height)
            screen.update(render(view, console.width, rows), refresh=True)
            await asyncio.sleep(REDRAW_S)
            await _change_or(session, IDLE_REDRAW_S - REDRAW_S)


async def _change_or(session: Session, longest_s: float) -> None:
    """Return when something has happened, at the latest after *longest_s*."""
    try:
        async with asyncio.timeout(longest_s):
            await session.changed()
    except TimeoutError:
        pass
