"""What the conversations of most sockets have in common: no calls beside them.

A venue's script inherits this and says what it does when the socket is open and when
a frame speaks of the connection.
"""

from __future__ import annotations

from connector.dialect.wire import Open, Reply, Request, Step
from connector.model.credentials import Secret
from connector.model.limits import FREE, Cost


class SocketScript:
    """Opens *url*; *connect_cost* is what a handshake costs there."""

    connect_cost: Cost = FREE

    def __init__(self, url: str) -> None:
        self._url = url
        self.next_tick_ns: int | None = None

    def start(self, mono_ns: int) -> tuple[Step, ...]:
        """Open the socket."""
        return (Open(url=Secret(self._url), cost=self.connect_cost),)

    def on_reply(
        self, request: Request, reply: Reply, mono_ns: int
    ) -> tuple[Step, ...]:
        """There are no calls."""
        return ()

    def on_tick(self, mono_ns: int) -> tuple[Step, ...]:
        """Nothing to keep alive."""
        return ()
