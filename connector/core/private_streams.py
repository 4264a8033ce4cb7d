"""The streams that tell the account: one, or two where the venue splits it.

The account is known only while all are up; losing any is a gap. The second stream
is first dialed when the first one is up. Where connections are counted tightly no
other is dialed while that one is down, so that it has every attempt to itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from connector.core.inputs import LinkRole, StreamOpened
from connector.core.link import Link, LinkEvents
from connector.dialect import Endpoints, LinkScript
from connector.model.clock import Now
from connector.model.events import GapReason, LinkState

if TYPE_CHECKING:
    from connector.core.machine import SessionCore


class PrivateStreams:
    """*first* has the orders, *second* the rest; None where all is told on one."""

    def __init__(
        self,
        core: SessionCore,
        endpoints: Endpoints,
        rng: random.Random,
        on_key_refused: Callable[[str], None],
        on_alarm: Callable[[str, str], None],
    ) -> None:
        self._core = core
        self._endpoints = endpoints
        self._rng = rng
        self._on_key_refused = on_key_refused
        self._on_alarm = on_alarm
        self.first = self._link(
            LinkRole.PRIVATE,
            lambda: core.dialect.private_script(endpoints),
            lambda state, why, now: core.trust.on_link_state(state, why),
        )
        self.second: Link | None = None
        if core.dialect.second_script(endpoints) is not None:
            self.second = self._link(
                LinkRole.SECOND, self._second_script, lambda *_: None
            )

    @property
    def links(self) -> list[Link]:
        """All of them."""
        return [self.first] if self.second is None else [self.first, self.second]

    @property
    def is_ready(self) -> bool:
        """Everything about the account is being told."""
        return all(link.is_ready for link in self.links)

    def on_opened(self, link: Link, opened: StreamOpened, now: Now) -> None:
        """A socket is up; if it is the first one's, the second may be dialed."""
        link.on_opened(opened, now)
        if link is self.first and link.epoch == opened.epoch:
            if self.second is not None:
                self.second.start(now)
            for follower in self._followers:
                follower.release(now)

    @property
    def _followers(self) -> list[Link]:
        """Those that wait until the first one is up, where dials are counted."""
        core = self._core
        if not core.dialect.facts.dials_in_turn:
            return []
        links = (self.second, core.order_link, core.marks.link)
        return [link for link in links if link is not None]

    def tick(self, now: Now) -> None:
        """Do what is due."""
        for link in self.links:
            link.tick(now)

    def stop(self) -> None:
        """Close and do not come back."""
        for link in self.links:
            link.stop()

    def _link(
        self,
        role: LinkRole,
        make_script: Callable[[], LinkScript],
        on_state: Callable[[LinkState, str, Now], None],
    ) -> Link:
        facts, core = self._core.dialect.facts, self._core
        return Link(
            role,
            make_script,
            core.outbox,
            core.config,
            ping_interval_s=facts.ping_interval_s,
            rotate_after_s=facts.rotate_after_s,
            rng=self._rng,
            events=LinkEvents(
                on_state=on_state,
                on_ready=self._on_ready,
                on_lost=lambda r, why, now: self._on_lost(role, r, why, now),
                on_key_refused=self._on_key_refused,
                on_alarm=self._on_alarm,
            ),
        )

    def _second_script(self) -> LinkScript:
        script = self._core.dialect.second_script(self._endpoints)
        assert script is not None, "a dialect that has two streams keeps them"
        return script

    def _on_ready(self, now: Now) -> None:
        if self.is_ready:
            self._core.trust.on_stream_ready(now)
            self._core.start_order_entry(now)

    def _on_lost(self, role: LinkRole, reason: GapReason, why: str, now: Now) -> None:
        if role is LinkRole.PRIVATE:
            for link in self._followers:
                link.hold()
        self._core.trust.on_stream_lost(reason, why, now)
