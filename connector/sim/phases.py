"""In which phase of its life a session is: faults are told apart by it.

Coverage is a law: over many worlds every kind of fault must have met every phase.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from connector.model.events import LinkState
from connector.session import Session


class Phase(StrEnum):
    """From the first connection to the end."""

    CONNECT = "connect"
    SIGN_IN = "sign in"
    SNAPSHOT = "snapshot"
    DRAIN = "drain"  # facts of the stream wait for the snapshot
    LIVE = "live"
    ROTATE = "rotate"
    CLOSE = "close"


PHASES = tuple(Phase)

_OF_STATE: Mapping[LinkState, Phase] = {
    LinkState.DISCONNECTED: Phase.CONNECT,
    LinkState.CONNECTING: Phase.CONNECT,
    LinkState.LOGGING_ON: Phase.SIGN_IN,
    LinkState.SUBSCRIBING: Phase.SIGN_IN,
    LinkState.SYNCING: Phase.SNAPSHOT,
    LinkState.STALE: Phase.LIVE,
    LinkState.LIVE: Phase.LIVE,
}


def phase_of(session: Session | None, *, is_closing: bool) -> Phase:
    """Where *session* stands; None: there is none yet, or its process is dead."""
    if is_closing:
        return Phase.CLOSE
    shell = None if session is None else session._shell
    if shell is None:
        return Phase.CONNECT
    phase = _OF_STATE[shell.core.state]
    if phase is Phase.SNAPSHOT and shell.core.trust.backlog:
        return Phase.DRAIN
    if phase is Phase.LIVE and shell.core.link.is_rotating:
        return Phase.ROTATE
    return phase
