"""``connector paper serve``: a simulated venue on this machine."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from connector.cli.exits import ExitCode
from connector.cli.options import JsonOption
from connector.cli.output import Output
from connector.config.venues import venue_of, venue_words
from connector.errors import ConfigError

DEFAULT_KEY = "paperkey"
DEFAULT_SECRET = "papersecret"  # noqa: S105 - a simulated account


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(
        help="A simulated venue on this machine that speaks real protocols.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.callback()(_group)
    group.command()(serve)
    app.add_typer(group, name="paper")


def _group() -> None:
    """A simulated venue on this machine that speaks real protocols."""


def serve(
    venue: Annotated[str, typer.Argument(help="Its name or short name.")],
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="0: any free port.")
    ] = 0,
    api_key: Annotated[
        str, typer.Option("--api-key", help="Key of the simulated account.")
    ] = DEFAULT_KEY,
    api_secret: Annotated[
        str,
        typer.Option(
            "--api-secret",
            help="Its secret, a PEM text, or @FILE. No real secret belongs here.",
        ),
    ] = DEFAULT_SECRET,
    passphrase: Annotated[
        str | None, typer.Option("--passphrase", help="Of the key, where it has one.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the market's moves.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Serve a simulated venue until SIGTERM or Ctrl-C.

    Prints its addresses once it accepts connections. ``control`` steers it: money,
    prices, outages (POST control/outage, GET control/state).
    """
    name = venue_of(venue)
    from connector.paper.faces.registry import face_names
    from connector.paper.venue import serve as run_venue

    if name is None or name not in face_names():
        raise ConfigError(
            f"no simulated venue {venue[:64]!r}; there are: {', '.join(venue_words())}"
        )
    out = Output(as_json=as_json)
    secret = _secret(api_secret)

    def announce(links: dict[str, str]) -> None:
        width = max(len(key) for key in links)
        lines = [f"{key:<{width}}  {value}" for key, value in links.items()]
        out.record(links, "\n".join(lines))
        if not as_json:
            out.say(_advice(links, api_key, secret, passphrase))

    try:
        asyncio.run(
            run_venue(
                name,
                api_key=api_key,
                api_secret=secret,
                passphrase=passphrase,
                port=port,
                seed=seed,
                announce=announce,
            )
        )
    except ValueError as exc:
        raise ConfigError(f"--api-secret: {exc}") from None
    except OSError as exc:
        out.say(
            f"error: cannot listen on port {port}: {os.strerror(exc.errno or 0)}. "
            "Next: choose another with --port, or none for any free one"
        )
        raise typer.Exit(ExitCode.FAILED) from None


def _secret(text: str) -> str:
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text().rstrip("\n")
    except OSError as exc:
        raise ConfigError(f"{text[1:]}: {exc.strerror}") from None


def _advice(
    links: dict[str, str], api_key: str, secret: str, passphrase: str | None = None
) -> str:
    """How to use it: what to put into the profile file. What was not given is shown,
    as it is no secret. A venue whose keys are no words makes one of the word: that
    key is shown, since nobody else can."""
    from connector.paper.faces.registry import kit_of

    second = f'second = "{links["second"]}"\n' if links.get("second") else ""
    kit = kit_of(links["venue"])
    made, usual = kit.secret_from(secret), kit.passphrase
    shown = '"the one given with --api-secret"'
    if made != secret:
        shown = f'"""\n{made}"""'
    elif secret == DEFAULT_SECRET:
        shown = f'"{secret}"'
    told = "the one given with --passphrase" if passphrase else usual
    phrase = f'passphrase = "{told}"\n' if usual else ""
    return f"""
Serving until Ctrl-C. To trade on it, put this into the profile file
(~/.config/connector/profiles.toml) and use --profile paper:desk

[paper.desk]
venue = "{links["venue"]}"
[paper.desk.endpoints]
rest = "{links["rest"]}"
stream = "{links["stream"]}"
public = "{links["public"]}"
ws_api = "{links["ws_api"]}"
{second}[paper.desk.keys]
api_key = "{api_key}"
api_secret = {shown}
{phrase}"""
