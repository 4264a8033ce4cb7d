"""Faces by the name of their venue: one line each, imported when asked for.

A face's package offers a ``KIT``: how to build the face, and what its venue lists
and gives to a new account unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec

from connector.paper.faces import Face
from connector.paper.playbook import Playbook
from connector.paper.types import EngineRules, Instrument

_FACES = {
    "binance-usdm": "connector.paper.faces.binance_usdm",
    "bybit-v5": "connector.paper.faces.bybit_v5",
    "coinbase-derivatives": "connector.paper.faces.deribit.gateway",
    "deribit": "connector.paper.faces.deribit",
    "okx-v5": "connector.paper.faces.okx_v5",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What a face's package offers; *instruments* and *rules* None: the engine's.
    *passphrase*: of the usual key, where keys of this venue have one. *secret_from*
    makes a secret of the kind that its keys have out of any word.

    *list_at* lists what is traded from a time on, where contracts expire.

    *build* makes a face over an engine with one key; it takes keyword arguments
    ``account_id``, ``api_key``, ``api_secret``, ``passphrase`` (or None), ``seed``
    and options of its own, and raises ValueError for a key it cannot use.
    """

    build: Callable[..., Face]
    passphrase: str | None = None
    secret_from: Callable[[str], str] = str
    instruments: Sequence[Instrument] | None = None
    list_at: Callable[[int], Sequence[Instrument]] | None = None
    rules: EngineRules | None = None
    balances: Mapping[str, Decimal] = field(
        default_factory=lambda: {"USDT": Decimal(100_000)}
    )


def face_names() -> tuple[str, ...]:
    """All venues that have a face, sorted."""
    return tuple(sorted(_FACES))


def kit_of(venue: str) -> Kit:
    """The kit of a venue; KeyError if it has no face."""
    kit = import_module(_FACES[venue]).KIT
    assert isinstance(kit, Kit)
    return kit


def has_playbook(venue: str) -> bool:
    """Whether simulated worlds can play *venue*."""
    return venue in _FACES and find_spec(f"{_FACES[venue]}.playbook") is not None


def playbook_of(venue: str) -> Playbook:
    """What worlds must know of a venue; ModuleNotFoundError if it tells nothing."""
    playbook = import_module(f"{_FACES[venue]}.playbook").PLAYBOOK
    assert isinstance(playbook, Playbook)
    return playbook
