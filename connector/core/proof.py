"""Proof of non-acceptance: when "not found" means "never happened" (law 3).

The venue enforces a deadline on every command. An answer counts if it was asked for
after that deadline plus the time that reads may lag, by the venue's clock and by our
own monotonic one; two such answers, some seconds apart, are proof.
"""

from __future__ import annotations

from collections.abc import Sequence

from connector.core.command import Command, CommandKind
from connector.dialect import VenueFacts
from connector.dialect.wire import Reply, Verdict
from connector.model.clock import NS_PER_MS, NS_PER_S, Now

RESEND_S = (0.2, 0.4, 0.8, 1.6)
"""Pauses before a command the venue did not process is sent again."""

_SEARCH_S = (0.2, 0.3, 0.5, 1.0, 3.0, 5.0)
"""Pauses between queries of an order in doubt; the last one repeats."""

_PROOFS_NEEDED = 2
_PROOF_PAUSE_MS = 2000


def search_pause_ns(command: Command) -> int:
    """How long to wait before the order is asked for again."""
    pause_s = _SEARCH_S[min(command.searches, len(_SEARCH_S) - 1)]
    return int(pause_s * NS_PER_S)


def count_proof(
    command: Command,
    replies: Sequence[Reply],
    asked_ms: int,
    now: Now,
    facts: VenueFacts,
) -> bool:
    """Count the answers of one search, asked at venue time *asked_ms*; True when
    they are enough to conclude that the command did not happen."""
    found = any(reply.verdict is Verdict.OK for reply in replies)
    absent = all(reply.verdict is Verdict.NOT_FOUND for reply in replies)
    if not (found or absent) or not _is_past_deadline(command, asked_ms, now, facts):
        return False
    if asked_ms - command.last_proof_ms < _PROOF_PAUSE_MS:
        return False
    command.proofs += 1
    command.last_proof_ms = asked_ms
    return command.proofs >= _PROOFS_NEEDED


def may_cancel_again(command: Command, replies: Sequence[Reply], asked_ms: int) -> bool:
    """The order still stands and the last cancel can no longer arrive: cancelling
    again does no harm, whatever became of the first."""
    return (
        command.kind is CommandKind.CANCEL
        and command.tries <= len(RESEND_S)
        and command.deadline_ms is not None
        and asked_ms > command.deadline_ms
        and any(reply.verdict is Verdict.OK for reply in replies)
    )


def _is_past_deadline(
    command: Command, asked_ms: int, now: Now, facts: VenueFacts
) -> bool:
    """By the venue's clock and by ours: a wall clock that jumps proves nothing."""
    if command.deadline_ms is None:
        return False
    waited_ms = (now.mono_ns - command.signed_ns) // NS_PER_MS
    return (
        asked_ms > command.deadline_ms + facts.lag_budget_ms
        and waited_ms > facts.recv_window_ms + facts.lag_budget_ms
    )
