"""``connector demo``: what this program is for, without an account."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli.exits import ExitCode
from connector.cli.options import JsonOption
from connector.cli.output import Output
from connector.config.defaults import DEFAULT_VENUE
from connector.model.noun import as_plain

if TYPE_CHECKING:
    from connector.cli.narrator import Narrator
    from connector.cli.story_check import Checked
    from connector.model.events import ReconcileReport
    from connector.paper.server import PaperServer

LONGEST_S = 30.0
START_USDT = Decimal(700)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(demo)


def demo(
    venue: Annotated[
        str, typer.Option("--venue", help="Its name or short name.")
    ] = DEFAULT_VENUE,
    as_json: JsonOption = False,
) -> None:
    """See a bot trade, lose its connection and come back.

    Fills, a cancel, live margin, a pulled cable, and the report afterwards, on a
    simulated venue inside this program. With --json the last line has the type
    "report". Exit code 6 if anything does not tie out.
    """
    raise typer.Exit(asyncio.run(_demo(Output(as_json=as_json), venue)))


async def _demo(out: Output, venue: str) -> ExitCode:
    from connector.cli.narrator import Narrator
    from connector.venues.registry import venue_of

    name = venue_of(venue)
    narrator = Narrator(out)
    try:
        async with asyncio.timeout(LONGEST_S), stage(name) as server:
            return await told(narrator, server)
    except TimeoutError:
        out.say("error: something the story waits for did not happen in time")
        return ExitCode.FAILED


def stage(venue: str) -> PaperServer:
    """A venue with a small account, so that its margin has something to show."""
    from connector.paper.faces.registry import kit_of
    from connector.paper.venue import paper_server

    usual = kit_of(venue).balances
    balances = {"USDT": START_USDT} if usual.keys() == {"USDT"} else usual
    return paper_server(venue, balances=balances)


async def told(narrator: Narrator, server: PaperServer) -> ExitCode:
    """Tell the story on a fresh *server*; the last record is the report."""
    from connector import Session
    from connector.cli.story import Story
    from connector.cli.story_options import OptionStory, has_options
    from connector.embedded import credentials_for, endpoints_of

    kind = OptionStory if has_options(server) else Story
    story = kind(narrator, server)
    await narrator.step(
        "A session on a simulated venue",
        "Real HTTP and WebSocket on this machine; entered when in sync with the venue.",
    )
    venue = server.faces[0].venue
    async with Session(
        f"paper:{venue}",
        endpoints=endpoints_of(server.urls),
        credentials=credentials_for(venue, "paperkey", "papersecret"),
        journal="memory",
        on_event=story.on_event,
    ) as session:
        report, checked = await story.run(session)
    record = report_record(report, checked, narrator.elapsed_s)
    left = record["differences_left"]
    narrator.fact(
        f"{record['missed_fills']} missed fill, {record['external_orders']} external "
        f"order, {record['in_doubt_resolved']} doubt resolved, "
        f"{record['duplicates_dropped']} duplicates dropped, {left} differences left",
        "bold green" if left == 0 else "bold red",
    )
    narrator.record(record)
    return ExitCode.OK if left == 0 else ExitCode.DIFFERENCES


def report_record(
    report: ReconcileReport, checked: Checked, elapsed_s: float
) -> dict[str, Any]:
    """The report of the demo for programs: numbers on top, everything below.

    *differences_left* counts those of the reconciliation, orders still in doubt, and
    those found against the venue's ledger.
    """
    differences = (
        len(report.differences_left)
        + len(report.differences_watched)
        + len(report.in_doubt_left)
        + len(checked.differences)
    )
    return {
        "type": "report",
        "missed_fills": len(report.missed_fills),
        "duplicates_dropped": report.duplicates_dropped,
        "external_orders": len(report.external_orders),
        "in_doubt_resolved": len(report.in_doubt_resolved),
        "differences_left": differences,
        "gap_s": round((report.gap_end_ns - report.gap_start_ns) / 1e9, 3),
        "restored_ms": round(report.duration_ms, 1),
        "elapsed_s": round(elapsed_s, 3),
        "details": report.as_dict(),
        "ledger": [
            {**as_plain(line), "is_equal": line.is_equal} for line in checked.lines
        ],
    }
