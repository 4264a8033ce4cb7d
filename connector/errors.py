"""Every exception the package raises, one tree.

    ConnectorError
    ├── UsageError               ours to refuse: nothing was journaled or sent
    │   ├── InvalidOrder         an order breaks an instrument rule
    │   ├── Unsupported          the venue cannot do this
    │   ├── ConfigError          profile, environment or setting is wrong
    │   │   └── WrongEnvironment paper, testnet and live would be mixed up
    │   ├── NotLive              new exposure refused while the state is stale
    │   ├── Unprotected          new exposure refused: the dead-man switch is not armed
    │   └── SessionClosed        the session is not (or no longer) open
    ├── CredentialsError         credentials: missing, refused, unsafe
    │   ├── KeyNotFound          no store has this key
    │   ├── KeystoreUnavailable  no usable key store, or it did not answer in time
    │   └── KeyRefused           the key may do too much, or the venue refuses it
    ├── JournalError             the disk's fault
    │   ├── JournalLocked        another process owns this profile
    │   └── JournalFull          intents cannot be made durable
    ├── NetworkError             the network's fault
    │   ├── NotSent              no byte left this machine
    │   ├── MaybeSent            bytes may have left: the outcome is not known
    │   ├── StreamRefused        a stream could not be opened
    │   └── StreamLost           an open stream is gone
    ├── VenueError               the venue said no, or said nonsense
    │   └── VenueRefused         a call other than an order was refused by code
    ├── RateLimited              the limiter could not let it go before its deadline
    └── Unreachable              not live, or not reconciled, in time

What a venue may legitimately answer to an order is a value
(`connector.model.Outcome`), not an exception. Exceptions carry fields; the text
says what happened, why, and what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence


class ConnectorError(Exception):
    """Root of all errors of this package."""


class UsageError(ConnectorError):
    """Refused before anything was journaled or sent."""


class InvalidOrder(UsageError):
    """An order breaks a rule of its instrument.

    *rule* names the rule (``tick_size``), *value* is what was given, *allowed*
    says what is allowed, with the nearest allowed value where there is one.
    """

    def __init__(self, rule: str, value: object, allowed: str) -> None:
        self.rule = rule
        self.value = value
        self.allowed = allowed
        try:
            shown = str(value)
        except ValueError:  # Python writes no integer of thousands of digits
            shown = f"a {type(value).__name__} too long to show"
        if len(shown) > 80:
            shown = f"{shown[:77]}..."
        super().__init__(f"{rule}: {shown!r} is not allowed; {allowed}")


class Unsupported(UsageError):
    """The venue has no such capability; nothing was sent."""

    def __init__(self, venue: str, capability: str, hint: str = "") -> None:
        self.venue = venue
        self.capability = capability
        super().__init__(
            f"{venue} does not support {capability}" + (f"; {hint}" if hint else "")
        )


class ConfigError(UsageError):
    """A profile, an environment or a setting is wrong."""


class WrongEnvironment(ConfigError):
    """Paper, testnet and live would be mixed up; nothing was contacted."""


class NotLive(UsageError):
    """New exposure was refused because the state is not in sync with the venue."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"new exposure refused: {reason}; cancels and reduce-only orders go "
            "through, or wait with `await session.wait_live(timeout_s=30)`"
        )


class Unprotected(UsageError):
    """New exposure was refused because the dead-man switch could not be armed."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"new exposure refused: the dead-man switch is not armed: {reason}; "
            "cancels and reduce-only orders go through"
        )


class SessionClosed(UsageError):
    """The session is not open."""


class CredentialsError(ConnectorError):
    """Credentials are missing, refused or unsafe."""


class KeyNotFound(CredentialsError):
    """No store holds the key of this profile."""


class KeystoreUnavailable(CredentialsError):
    """No usable key store, or it did not answer within its bound."""


class KeyRefused(CredentialsError):
    """The key may do more than it should, or the venue refuses it."""


class JournalError(ConnectorError):
    """The journal cannot be read or written."""


class JournalLocked(JournalError):
    """Another process or object owns the journal; *pid* holds it, None if unknown."""

    def __init__(self, file: str, pid: int | None) -> None:
        self.file = file
        self.pid = pid
        holder = "another process" if pid is None else f"process {pid}"
        super().__init__(
            f"journal {file} is in use by {holder}: one session per profile; stop "
            "that one, or use another profile name"
        )


class JournalFull(JournalError):
    """The disk is full: no new orders and no amends, cancels allowed."""


class NetworkError(ConnectorError):
    """The network failed."""


class NotSent(NetworkError):
    """No byte of the request left this machine."""


class MaybeSent(NetworkError):
    """Bytes may have left: only the venue knows the outcome."""


class StreamRefused(NetworkError):
    """A stream could not be opened; nothing but the handshake was sent.

    *status* is the HTTP status of the refusal, None when there was no answer.
    *retry_after_s* is what the server asked for, if it did.
    """

    def __init__(
        self,
        reason: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.reason = reason
        self.status = status
        self.retry_after_s = retry_after_s
        super().__init__(f"stream not opened: {reason}")


class StreamLost(NetworkError):
    """An open stream is gone.

    *code* and *text* are those of the close frame: the venue's if it sent one, else
    ours, else None and "". *reason* says what happened, in our words.
    *maybe_sent*: the frame given to `send` may have left.
    """

    def __init__(
        self,
        reason: str,
        *,
        code: int | None = None,
        text: str = "",
        maybe_sent: bool = False,
    ) -> None:
        self.reason = reason
        self.code = code
        self.text = text
        self.maybe_sent = maybe_sent
        super().__init__(f"stream lost: {reason}")


class VenueError(ConnectorError):
    """The venue refused, or answered nonsense."""


class VenueRefused(VenueError):
    """A call other than an order was refused; *code* and *text* are the venue's."""

    def __init__(self, call: str, code: str, text: str) -> None:
        self.call = call
        self.code = code
        self.text = text
        super().__init__(f"{call} refused by the venue: {code} {text}")


class RateLimited(ConnectorError):
    """The limiter could not let the request go before its deadline.

    *why* if the venue has closed the gate (a ban, a 429), "" if *buckets* are full.
    """

    def __init__(self, buckets: Sequence[str], wait_s: float, why: str = "") -> None:
        self.buckets = tuple(buckets)
        self.wait_s = wait_s
        self.why = why
        cause = f"{why}, " if why else ""
        super().__init__(
            f"not sent: {cause}rate limit {', '.join(buckets)} frees in {wait_s:.3f} "
            "s, after the deadline"
        )


class Unreachable(ConnectorError):
    """The session was not live, or not reconciled, within its deadline.

    *trouble* is what went wrong last: a venue's code and text, or words of ours.
    """

    def __init__(self, text: str, *, trouble: str = "") -> None:
        self.trouble = trouble
        super().__init__(text + (f"; last trouble: {trouble}" if trouble else ""))
