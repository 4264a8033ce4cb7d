"""Tells the story of the demo: in colour, in plain text, or one JSON object a line."""

from __future__ import annotations

import asyncio
import textwrap
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from connector.cli.output import Output, json_line

if TYPE_CHECKING:
    from rich.console import Console

TURN_S = 0.7
"""A breath between two steps, when a person watches."""


class Narrator:
    """Speaks on stdout; every line carries the seconds since the beginning."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._start_ns = time.monotonic_ns()
        self._step = 0
        self._console: Console | None = None
        if not out.as_json:
            from rich.console import Console

            self._console = Console(highlight=False, soft_wrap=True)

    @property
    def elapsed_s(self) -> float:
        """Since the beginning."""
        return (time.monotonic_ns() - self._start_ns) / 1e9

    async def step(self, title: str, why: str = "") -> None:
        """A new chapter; *why* says what to look for."""
        self._step += 1
        if self._console is None:
            self._write("step", {"step": self._step, "title": title, "text": why})
            return
        if self._out.is_terminal and self._step > 1:
            await asyncio.sleep(TURN_S)
        from rich.text import Text

        line = Text(f"\n{self._step}. ", style="bold cyan").append(title, style="bold")
        self._console.print(line)
        if why:
            self._console.print(Text(f"   {why}", style="dim"))

    def fact(self, text: str, style: str = "", **fields: Any) -> None:
        """Something that happened."""
        if self._console is None:
            self._write("fact", {"step": self._step, "text": text, **fields})
            return
        from rich.text import Text

        line = Text(f"   {self.elapsed_s:6.2f} s  ", style="dim")
        told = self._folded(text, len(line.plain), len(line.plain) + 7)
        self._console.print(line.append(told, style=style or "default"))

    def block(self, text: str, style: str = "") -> None:
        """Several lines as they are; not for programs, who get them as records."""
        if self._console is not None:
            from rich.text import Text

            for line in text.splitlines():
                deeper = len(line) - len(line.lstrip()) + 7
                told = self._folded(line, 3, deeper)
                self._console.print(Text(f"   {told}", style=style or "default"))

    def record(self, record: Mapping[str, Any]) -> None:
        """Data for programs only."""
        if self._console is None:
            print(json_line(record), flush=True)

    def _folded(self, text: str, first: int, further: int) -> str:
        """*text* between words on a terminal, whole through a pipe.

        *first* and *further* are the columns at which its lines begin.
        """
        if self._console is None or not self._out.is_terminal:
            return text
        width = max(20, self._console.width)
        lines = textwrap.wrap(
            " " * first + text,
            width,
            subsequent_indent=" " * further,
            break_long_words=False,
            break_on_hyphens=False,
        )
        return "\n".join(lines)[first:]

    def _write(self, kind: str, fields: Mapping[str, Any]) -> None:
        record = {"type": kind, "at_s": round(self.elapsed_s, 3), **fields}
        print(json_line(record), flush=True)
