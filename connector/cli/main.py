"""The command ``connector``: one program, one way for every error to end.

Commands live in their own modules and import what is heavy only when they run, so
that ``connector --help`` is quick.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from connector import __version__
from connector.cli import (
    bench,
    demo,
    keys_mount,
    new,
    paper,
    read,
    sim,
    trade,
    watch,
)
from connector.cli.exits import ExitCode, code_of
from connector.errors import ConnectorError

# The base of every complaint about the command line. Newer typer carries its own
# copy of click and older typer uses click itself: this is the name both share.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]

TRACEBACK_VARIABLE = "CONNECTOR_TRACEBACK"

app = typer.Typer(
    help="Trade crypto derivatives: orders that exist once or not at all, margin that "
    "is the venue's, an exact report after every outage. Without --profile, everything "
    "happens on a simulated venue.",
    epilog="Start with: connector demo",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Say which one."
        ),
    ] = False,
) -> None:
    pass


for _module in (demo, trade, read, watch, keys_mount, paper, sim, bench, new):
    _module.add_to(app)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; returns its exit code, see `connector.cli.exits`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = app(
            args=given or ["--help"], prog_name="connector", standalone_mode=False
        )
        sys.stdout.flush()
        return int(code or ExitCode.OK)
    except _UsageError as exc:
        return _complain_usage(exc)
    except ConnectorError as exc:
        _say(f"error: {exc}")
        return code_of(exc)
    except (KeyboardInterrupt, typer.Abort):
        _say("interrupted")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough; the interpreter would complain when it
        # flushes on the way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except Exception as exc:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        _say(
            f"internal error: {type(exc).__name__}\nThis is a mistake in the "
            f"program. Next: run it again with {TRACEBACK_VARIABLE}=1 and report what "
            "it prints"
        )
        return ExitCode.FAILED


def main() -> NoReturn:
    """Entry point of the installed command.

    SIGTERM ends a command as Ctrl-C does: sessions are closed, the terminal is given
    back, the exit code is 130.
    """
    signal.signal(signal.SIGTERM, _as_interrupt)
    sys.exit(run())


def _as_interrupt(*_: object) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


def _complain_usage(exc: Exception) -> ExitCode:
    text = str(getattr(exc, "format_message", lambda: exc)())
    text = text.replace("Value error, ", "")
    if "\n" in text:  # a group of commands without a command shows its help
        _say(text)
        return ExitCode.USAGE
    _say(f"error: {text[:1].lower()}{text[1:]}".rstrip("."))
    context = getattr(exc, "ctx", None)
    _say(f"Next: {context.command_path if context else 'connector'} --help")
    return ExitCode.USAGE


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
