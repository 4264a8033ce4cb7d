"""An account reconciler for cron: one JSON line per run, exit code 6 on a difference.

Each run opens the journal of its profile, catches up with everything that happened
since the last run (fills, orders of others, funding, transfers), compares sums with
the venue, and ends. Give it a journal of its own (--journal), so that it never meets
the one of a running bot.

    */5 * * * *  python reconcile_cron.py --profile live:main --journal /srv/recon.db

Run: python examples/reconcile_cron.py [--profile paper:binance] [--seconds 30]
"""

import argparse
import asyncio
import json
import sys

from connector import Session
from connector.errors import ConnectorError

DIFFERENCES = 6
FAILED = 1


async def main(profile: str, journal: str | None, seconds: float) -> int:
    """Reconcile within *seconds*; returns the exit code."""
    try:
        async with asyncio.timeout(seconds), Session(profile, journal=journal) as s:
            since_last_run = s.last_report
            second_look = await s.reconcile()
    except TimeoutError:
        print(f"not finished within {seconds:g} s", file=sys.stderr)
        return FAILED
    except ConnectorError as exc:
        print(exc, file=sys.stderr)
        return FAILED
    for report in (since_last_run, second_look):
        if report is not None:
            print(json.dumps(report.as_dict()))
    if second_look.is_clean:
        return 0
    print(second_look.text(), file=sys.stderr)
    return DIFFERENCES


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Reconcile one account.")
    parser.add_argument("--profile", default="paper:binance")
    parser.add_argument("--journal", help="file; without: that of the profile")
    parser.add_argument("--seconds", type=float, default=30)
    sys.exit(asyncio.run(main(**vars(parser.parse_args()))))
