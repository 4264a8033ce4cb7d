"""Who hears of events: the streams that somebody still holds, and one callback."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from connector.model.events import Event, FillEvent, OrderUpdate
from connector.session.events import EventStream

if TYPE_CHECKING:
    from connector.session.shell import Shell

log = logging.getLogger("connector.session")


class Audience:
    """Tells every event to all. *fills_told* counts those of this session."""

    def __init__(
        self,
        shell: Shell,
        on_event: Callable[[Event], None] | None,
        mono_ns: Callable[[], int],
    ) -> None:
        self._shell = shell
        self._mono_ns = mono_ns
        self._latency = shell.latency
        self.on_event = on_event
        self._refs: list[weakref.ref[EventStream]] = []
        self.fills_told = 0

    def subscribe(self, most: int) -> EventStream:
        """A new event stream; forgotten when nobody holds it any longer."""
        stream = EventStream(self._shell, most)
        self.streams()  # those that are gone are forgotten
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
        for ref in self._refs:
            stream = ref()
            if stream is not None and not stream.is_closed:
                stream.put(event, self.fills_told)
        kind = type(event)
        if kind is FillEvent:
            self.fills_told += 1
            self._latency.handed_over(event, cast(FillEvent, event).fill.venue_ns)
        elif kind is OrderUpdate:
            self._latency.handed_over(event, cast(OrderUpdate, event).order.venue_ns)
        if self.on_event is None:
            return
        began_ns = self._mono_ns()
        try:
            self.on_event(event)
        except Exception:
            # The user's code must not stop the reader; say so and go on.
            log.exception("session.callback_failed")
        self._latency.handler.record(self._mono_ns() - began_ns)
