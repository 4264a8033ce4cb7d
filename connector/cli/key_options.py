"""The arguments and options that the key commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from connector.model.credentials import KeyKind

Profile = Annotated[
    str,
    typer.Argument(
        metavar="PROFILE", help="live:VENUE, testnet:VENUE, live:VENUE/NAME"
    ),
]
StoreOption = Annotated[
    str, typer.Option("--store", help="Where to keep it: auto, keyring or vault.")
]
VaultOption = Annotated[
    Path | None, typer.Option("--vault", help="The vault file, if not the usual one.")
]
PassphraseFileOption = Annotated[
    Path | None,
    typer.Option("--vault-passphrase-file", help="Private file with the passphrase."),
]
DirectoryOption = Annotated[
    Path | None, typer.Option("--secret-directory", help="Mounted secret files.")
]
EnvironmentOption = Annotated[
    bool, typer.Option("--allow-environment", help="Look into environment variables.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]
StdinOption = Annotated[
    bool,
    typer.Option(
        "--stdin",
        help="Read standard input: a JSON document, or the API key on the first line "
        "and the secret on the rest (with --file, --generate, --finish: API key only).",
    ),
]
FileOption = Annotated[
    Path | None,
    typer.Option("--file", help="Private file with the secret, PEM or JSON document."),
]
KindOption = Annotated[
    KeyKind | None, typer.Option("--kind", help="Kind of key, if it does not tell.")
]
PassphraseOption = Annotated[
    bool, typer.Option("--passphrase", help="Ask for a passphrase as well.")
]
GenerateOption = Annotated[
    KeyKind | None,
    typer.Option("--generate", help="Make a key pair here: ed25519."),
]
FinishOption = Annotated[
    bool, typer.Option("--finish", help="Complete a generated key with its API key.")
]
