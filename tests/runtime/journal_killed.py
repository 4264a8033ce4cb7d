"""A process to be killed: appends durable records and says each is kept.

Arguments: file, first number. Prints "ready", then one number per acknowledged
record, until it is killed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from connector.runtime.journal import Owner, Record
from connector.runtime.journal_file import FileJournal


def main() -> None:
    file, number = Path(sys.argv[1]), int(sys.argv[2])
    owner = Owner(profile="paper:binance", venue="binance")
    with FileJournal(file, owner, wall_ns=1) as journal:
        print("ready", flush=True)
        while True:
            body = f'{{"number": {number}}}' + " " * (number % 977)
            journal.append(
                [
                    Record(kind="intent", key=f"{number}", wall_ns=number, body=body),
                    Record(kind="cursor", key="last", wall_ns=number, body=f"{number}"),
                ]
            )
            print(number, flush=True)
            number += 1


if __name__ == "__main__":
    main()
