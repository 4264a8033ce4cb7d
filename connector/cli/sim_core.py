"""``connector sim --core``: the machine alone, against a model of a venue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.cli.exits import ExitCode
from connector.cli.output import Output

if TYPE_CHECKING:
    from connector.sim.bare.runs import BareReport

_SHRINK_S = 30.0
_SHRUNK_MAX = 3


def one(out: Output, seed: int, *, with_trace: bool) -> int:
    """One world."""
    from connector.sim.bare.runs import play

    report = play(seed, with_trace=with_trace)
    for line in report.trace:
        print(line)
    if report.violations:
        _explain(out, report)
    out.record(
        {
            "type": "world.core",
            "seed": seed,
            "laws_broken": list(report.laws),
            "faults": list(report.faults),
            "virtual_s": report.virtual_s,
            "steps": report.steps,
            "digest": report.digest,
        },
        f"seed {seed}: {report.steps} steps, {report.wishes} wishes, "
        f"{len(report.faults)} faults, {len(report.violations)} laws broken",
    )
    return ExitCode.FAILED if report.violations else ExitCode.OK


def many(out: Output, seeds: range, jobs: int) -> int:
    """A range of worlds."""
    from connector.sim.bare.runs import run_seeds

    failed: list[BareReport] = []

    def on_report(report: BareReport) -> None:
        if report.violations:
            failed.append(report)
            out.say(f"seed {report.seed}: broke {', '.join(report.laws)}")

    summary = run_seeds(seeds, jobs=jobs, on_report=on_report)
    for report in failed[:_SHRUNK_MAX]:
        _explain(out, report)
    told = summary.as_dict()
    out.record(
        told,
        f"{told['runs']} worlds, {told['virtual_hours']} virtual hours in "
        f"{told['wall_s']} s: {told['steps']} steps ({told['inputs']} inputs), "
        f"{told['steps_per_cpu_s']} a second of one core, {told['wishes']} wishes, "
        f"{sum(told['faults'].values())} faults, {told['law_violations']} laws broken",
    )
    return ExitCode.FAILED if summary.violations else ExitCode.OK


def _explain(out: Output, report: BareReport) -> None:
    from connector.sim.bare.runs import play, smallest_tape

    for violation in report.violations[:5]:
        out.say(f"  {violation}")
    small = play(report.seed, smallest_tape(report, budget_s=_SHRINK_S))
    out.say(f"  the fewest faults that still break it ({len(small.faults)}):")
    for fault in small.faults:
        out.say(f"    {fault}")
    out.say(f"  Next: connector sim --core --seed {report.seed} --trace")
