"""What a seed decides about a world; the tape decides its faults."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from connector.paper.faces.registry import has_playbook, playbook_of
from connector.sim.bots import Style, draw_style
from connector.sim.faults import Chaos
from connector.sim.link import LinkProfile
from connector.venues import registry

_DRIFTS_PPM = (0, 0, 0, -200, 50, 500)
_ROTATIONS_S = (math.inf, math.inf, 8.0, 20.0)
_MEMORIES_S = (3600.0, 3600.0, 3600.0, 5.0, 20.0)
_SLOW_NETWORK = Chaos(segment_chance=0.004, connect_chance=0.05, delay_s=2.0)


def venue_names() -> tuple[str, ...]:
    """Venues that worlds can play: those with a dialect, a face and a playbook."""
    return tuple(name for name in registry.venue_names() if has_playbook(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A world's conditions.

    *skew_ns* and *drift_ppm*: how wrong the bot's clock is and how fast it goes
    wrong. *rotate_after_s*: planned reconnects, besides those that the venue demands.
    *keep_closed_s*: how soon closed orders leave memory.
    *is_tight*: the venue's limits are so low that bots meet them. *has_past*: orders
    and positions were there before the bot. *is_verbose*: everything is logged.
    *is_thin*: little is offered at a price, so that orders fill in part. *is_aimed*:
    faults that seldom meet a phase wait for it, and it is brought about.
    """

    venue: str
    style: Style
    profile: LinkProfile
    chaos: Chaos | None
    skew_ns: int
    drift_ppm: int
    seconds: float
    fault_chance: float
    uses_ws_api: bool
    event_queue_max: int
    buffer_max: int
    rotate_after_s: float
    replies_first: bool
    is_tight: bool
    has_past: bool
    is_verbose: bool
    keep_closed_s: float
    is_thin: bool
    is_aimed: bool

    @classmethod
    def of_seed(cls, seed: int, venue: str | None = None) -> Draw:
        """Everything about world number *seed* but its faults; *venue* None: any.

        The venue has a stream of its own: another registered venue must not change
        the worlds of those that are there. So has what was added later.
        """
        random = Random(f"draw/{seed}")  # noqa: S311 - reproducible on purpose
        venues = Random(f"venue/{seed}")  # noqa: S311 - reproducible on purpose
        memory = Random(f"memory/{seed}")  # noqa: S311 - reproducible on purpose
        later = Random(f"later/{seed}")  # noqa: S311 - leaves older worlds as they were
        venue = venue or venues.choice(venue_names())
        book = playbook_of(venue)
        is_tight = random.random() < 0.2 and bool(book.tight_options)
        return cls(
            venue=venue,
            style=draw_style(random, can_hedge=book.has_hedge, is_hurried=is_tight),
            profile=LinkProfile(
                latency_s=random.choice((0.001, 0.01, 0.05, 0.15)),
                jitter_s=random.choice((0.0, 0.005, 0.1)),
                return_latency_s=random.choice((0.001, 0.01, 0.05, 0.15)),
            ),
            skew_ns=random.randint(-3000, 3000) * 1_000_000,
            seconds=random.choice((15.0, 30.0, 60.0)),
            fault_chance=random.choice((0.1, 0.4, 0.8)),
            uses_ws_api=random.random() < 0.4,
            event_queue_max=random.choice((5, 40, 10_000)),
            buffer_max=random.choice((10, 200_000, 200_000)),
            drift_ppm=random.choice(_DRIFTS_PPM),
            rotate_after_s=random.choice(_ROTATIONS_S),
            chaos=_SLOW_NETWORK if random.random() < 0.12 else None,
            replies_first=random.random() < 0.3,
            is_tight=is_tight,
            has_past=random.random() < 0.25,
            is_verbose=random.random() < 0.1,
            keep_closed_s=memory.choice(_MEMORIES_S),
            is_thin=later.random() < 0.12,
            is_aimed=later.random() < 0.12,
        )
