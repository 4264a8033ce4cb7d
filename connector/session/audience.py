"""Who hears of events: the streams that somebody still holds, and one callback."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from connector.model.events import Event, FillEvent
from connector.session.events import EventStream

if TYPE_CHECKING:
    from connector.session.shell import Shell

log = logging.getLogger("connector.session")


class Audience:
    """Tells every event to all. *fills_told* counts those of this session."""

    def __init__(self, shell: Shell, on_event: Callable[[Event], None] | None) -> None:
        self._shell = shell
        self.on_event = on_event
        self._refs: list[weakref.ref[EventStream]] = []
        self.fills_told = 0

    def subscribe(self, most: int) -> EventStream:
        """A new event stream; forgotten when nobody holds it any longer."""
        stream = EventStream(self._shell, most)
        self._refs.append(weakref.ref(stream))
        if self._shell.is_closed:
            stream.close()
        return stream

    def streams(self) -> list[EventStream]:
        """Those that are open and held."""
        found = [
            stream
            for ref in self._refs
            if (stream := ref()) is not None and not stream.is_closed
        ]
        if len(found) != len(self._refs):
            self._refs = [weakref.ref(stream) for stream in found]
        return found

    def tell(self, event: Event) -> None:
        """Called for every event, in order."""
        for stream in self.streams():
            stream.put(event, self.fills_told)
        if isinstance(event, FillEvent):
            self.fills_told += 1
        latency = self._shell.latency
        latency.handed_over(event)
        if self.on_event is None:
            return
        began_ns = self._shell.now().mono_ns
        try:
            self.on_event(event)
        except Exception:
            # The user's code must not stop the reader; say so and go on.
            log.exception("session.callback_failed")
        latency.handler.record(self._shell.now().mono_ns - began_ns)
