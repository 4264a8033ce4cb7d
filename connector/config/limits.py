"""Every bound of a session in one place, with what happens when it is reached."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from connector.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConfig:
    """Bounds of one session; the defaults suit a trading bot.

    open_timeout_s: `async with Session` raises Unreachable after this.
    order_wait_s: an order still waiting for the rate limiter, or for the disk to keep
        its intent, after this is not sent (Rejected, was_sent False).
    cancel_wait_s, query_wait_s: the same for cancels and queries.
    answer_timeout_s: an answer later than this leaves the command in doubt.
    doubt_patience_s: `await buy()` waits this long for evidence, then returns
        InDoubt; the search goes on.
    logon_timeout_s: a stream not subscribed after this is tried again.
    ping_timeout_s: a ping unanswered after this means the stream stalled.
    echo_budget_s: an accepted order that the stream does not show within this
        means the stream is mute.
    reconnect_first_s, reconnect_steady_s, reconnect_cap_s: the first retries
        come within the first two bounds for ten seconds, then back off to the
        cap; reconnecting never ends, `link_alarm_s` raises an alarm.
    audit_interval_s: REST is compared with local state this often while live.
    overlap_s: reconciliation looks this far behind the last known good time.
    event_queue_max: events a slow consumer may leave unread; then it is told of
        an overflow and re-synced from local state.
    buffer_max: stream facts kept during reconciliation; then it starts over.
    keep_closed_s: closed orders and their fills leave memory (not the journal) after
        this.
    keep_history_s: what left memory leaves the journal's file after this (not before
        the session that wrote it has closed); by default never.
    margin_every_s: MarginUpdate at most this often; less often with thousands of
        open orders.
    clock_every_s: the venue's clock is measured this often.
    rotate_after_s: a stream this old is replaced by a new one beside it, sooner if
        the venue demands it.
    durability: what an order intent survives once its order may leave: "power", the
        loss of power as well (fsync), or "process", the death of the process (some
        ms sooner on most disks; after a loss of power the last orders may be found
        at the venue as somebody else's).
    dead_man_s: the venue cancels our orders this long after we fell silent; 0: it
        does not. New exposure is refused while the switch cannot be armed.
    allow_exposure_when_stale: send new exposure also while not live.
    allow_withdraw_key: accept a key that can withdraw.
    """

    open_timeout_s: float = 30.0
    order_wait_s: float = 5.0
    cancel_wait_s: float = 30.0
    query_wait_s: float = 30.0
    answer_timeout_s: float = 10.0
    doubt_patience_s: float = 5.0
    logon_timeout_s: float = 10.0
    ping_timeout_s: float = 3.0
    echo_budget_s: float = 3.0
    reconnect_first_s: float = 0.1
    reconnect_steady_s: float = 0.4
    reconnect_cap_s: float = 30.0
    link_alarm_s: float = 10.0
    audit_interval_s: float = 60.0
    overlap_s: float = 60.0
    event_queue_max: int = 10_000
    buffer_max: int = 200_000
    keep_closed_s: float = 3600.0
    keep_history_s: float = math.inf
    margin_every_s: float = 0.25
    clock_every_s: float = 600.0
    rotate_after_s: float = math.inf
    close_timeout_s: float = 5.0
    durability: str = "power"
    dead_man_s: float = 0.0
    allow_exposure_when_stale: bool = False
    allow_withdraw_key: bool = False

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name == "durability":
                if value not in ("power", "process"):
                    raise ConfigError(
                        f'durability must be "power" or "process", not {value!r}'
                    )
            elif item.name == "dead_man_s":
                if not 0 <= value < float("inf"):
                    raise ConfigError(f"dead_man_s must be 0 or more, not {value!r}")
            elif not isinstance(value, bool) and value <= 0:
                raise ConfigError(f"{item.name} must be above 0, not {value!r}")
