"""``connector sim``: hunt the connector with faults on a virtual clock."""

from __future__ import annotations

import os
import re
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli import sim_core
from connector.cli.exits import ExitCode
from connector.cli.output import Output
from connector.errors import UsageError

if TYPE_CHECKING:
    from connector.sim.worlds import Report

_RANGE = re.compile(r"(\d{1,9}):(\d{1,9})")
_SHRINK_S = 30.0
_SHRUNK_MAX = 3
_SOAK_DAYS_MAX = 29.0
ALL = "all"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(sim)


def sim(
    seeds: Annotated[
        str, typer.Option(help="A range of worlds, first:end (end left out).")
    ] = "0:100",
    seed: Annotated[int | None, typer.Option(help="One world.")] = None,
    trace: Annotated[
        bool, typer.Option(help="With --seed: everything that happened, to stdout.")
    ] = False,
    venue: Annotated[
        str, typer.Option(help="One venue, or all: each world draws its own.")
    ] = ALL,
    soak: Annotated[
        float, typer.Option(help="One session for so many virtual days (at most 29).")
    ] = 0.0,
    core: Annotated[
        bool,
        typer.Option(help="The machine alone, without sockets: more steps a second."),
    ] = False,
    jobs: Annotated[int, typer.Option(help="Processes; 0: one per core.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Play sessions in worlds full of faults, judge their laws.

    Exit code 1 if a law was broken; the seed, the law and the fewest faults that
    still break it are told. The same seed plays the same world again.
    """
    from connector.sim.runner import run_seeds

    out = Output(as_json=as_json)
    if core and (soak or venue != ALL):
        raise UsageError("--core plays a venue of its own: no --venue and no --soak")
    name = _venue(venue)
    if soak:
        raise typer.Exit(_soak(out, soak, name))
    if seed is not None:
        one = sim_core.one if core else partial(_one, venue=name)
        raise typer.Exit(one(out, seed, with_trace=trace))
    if trace:
        raise UsageError("--trace shows one world: give --seed too")
    wanted = _range(seeds)
    if jobs < 0:
        raise UsageError("--jobs must be 0 or more")
    jobs = jobs or os.cpu_count() or 1
    if core:
        raise typer.Exit(sim_core.many(out, wanted, jobs))
    failed: list[Report] = []

    def on_report(report: Report) -> None:
        if report.violations:
            failed.append(report)
            out.say(f"seed {report.seed}: broke {', '.join(report.laws)}")

    summary = run_seeds(wanted, venue=name, jobs=jobs, on_report=on_report)
    for report in failed[:_SHRUNK_MAX]:
        _explain(out, report)
    told = summary.as_dict()
    out.record(
        told,
        f"{told['runs']} worlds, {told['virtual_hours']:.1f} virtual hours in "
        f"{told['wall_s']} s: {told['commands']} commands, {told['fills']} fills, "
        f"{sum(told['faults'].values())} faults, {told['reconnects']} reconnects, "
        f"{told['law_violations']} laws broken",
    )
    raise typer.Exit(ExitCode.FAILED if summary.violations else ExitCode.OK)


def _range(seeds: str) -> range:
    """FIRST:END."""
    match = _RANGE.fullmatch(seeds)
    if match is None or int(match[1]) >= int(match[2]):
        raise UsageError(f"--seeds {seeds[:40]!r}: write FIRST:END, for example 0:100")
    return range(int(match[1]), int(match[2]))


def _soak(out: Output, days: float, venue: str | None) -> int:
    """Weeks with one session: rotation, expiry, funding; nothing may grow."""
    from connector.sim.soak import Sample, soak

    if not 0 < days <= _SOAK_DAYS_MAX:
        raise UsageError(f"--soak {days:g}: at most {_SOAK_DAYS_MAX:g} days")

    def on_sample(sample: Sample) -> None:
        out.say(
            f"day {sample.day:g}: {sample.objects} objects, {sample.tasks} tasks, "
            f"{sample.timers} timers, {sample.rss_mb:.0f} MB"
        )

    told = soak(days, venue=venue, on_sample=on_sample)
    out.record(
        told.as_dict(),
        f"{days:g} virtual days in {told.wall_s:.0f} s: {told.fills} fills, "
        f"{told.rotations} rotations, {told.reconnects} reconnects, "
        f"{len(told.violations)} laws broken",
    )
    for violation in told.violations:
        out.say(f"  {violation}")
    return ExitCode.FAILED if told.violations else ExitCode.OK


def _venue(word: str) -> str | None:
    """The venue's full name; None for all of them."""
    from connector.sim.draw import venue_names
    from connector.venues.registry import venue_of

    if word == ALL:
        return None
    name = venue_of(word)
    if name not in venue_names():
        raise UsageError(f"{name} has no worlds yet; there are: {venue_names()}")
    return name


def _one(out: Output, seed: int, *, venue: str | None, with_trace: bool) -> int:
    from connector.sim.worlds import play

    report = play(seed, venue=venue, with_trace=with_trace)
    for line in report.trace:
        print(line)
    if report.violations:
        _explain(out, report)
    out.record(
        {
            "type": "world",
            "seed": seed,
            "venue": report.venue,
            "laws_broken": list(report.laws),
            "faults": list(report.faults),
            "virtual_s": report.virtual_s,
            "trace_hash": report.trace_hash,
        },
        f"seed {seed}: {report.commands} commands, {report.fills} fills, "
        f"{len(report.faults)} faults, {len(report.violations)} laws broken",
    )
    return ExitCode.FAILED if report.violations else ExitCode.OK


def _explain(out: Output, report: Report) -> None:
    from connector.sim.runner import smallest_tape
    from connector.sim.worlds import play

    for violation in report.violations[:5]:
        out.say(f"  {violation.law} at {violation.at_s:.3f} s: {violation.text}")
    tape = smallest_tape(report, budget_s=_SHRINK_S)
    small = play(report.seed, tape, venue=report.venue)
    out.say(f"  the fewest faults that still break it ({len(small.faults)}):")
    for fault in small.faults:
        out.say(f"    {fault}")
    out.say(
        f"  Next: connector sim --venue {report.venue} --seed {report.seed} --trace"
    )
