"""Requests before they are signed, wires after, and what an answer means."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from connector.dialect.facts import Fact
from connector.model.credentials import ApiKey, KeyKind, Secret
from connector.model.ids import ClientOrderId, Symbol
from connector.model.limits import FREE, BucketScope, BucketSpec, Cost, Priority
from connector.model.noun import Noun, field


class SigningKey(Protocol):
    """Signs bytes with one key; the key itself cannot be read back.

    *passphrase* is the venue's passphrase where it has one, *settings* are public
    ones that came with the key. *shared* is the secret itself, for a sign-in that
    sends it: only if the settings ask for that. *token* is the access token in force
    where the venue hands out such (`VenueFacts.exchange`).
    """

    kind: KeyKind
    api_key: ApiKey
    passphrase: Secret | None
    settings: Mapping[str, str]
    shared: Secret | None
    token: Secret | None

    def nonce(self) -> str:
        """Letters and digits that were never used before, for venues that want a
        signature to be good once."""
        ...

    def sign(self, payload: bytes) -> bytes:
        """Raw signature."""
        ...

    def sign_hex(self, payload: bytes) -> str:
        """Lower-case hexadecimal."""
        ...

    def sign_base64(self, payload: bytes) -> str:
        """Standard base64."""
        ...

    def sign_base64url(self, payload: bytes) -> str:
        """URL-safe base64 without padding."""
        ...


class Security(StrEnum):
    """What a request carries to show who sends it."""

    NONE = "none"
    KEY = "key"  # the key's name, no signature
    SIGNED = "signed"


class Host(StrEnum):
    """Which of the environment's endpoints."""

    REST = "rest"
    KEY_INFO = "key_info"  # where key permissions are asked, if elsewhere


class Request(Noun, frozen=True, kw_only=True):
    """One call, complete but unsigned.

    *params* are in wire spelling and order, *body* is a JSON document for venues
    that take one. *window_ms*: the venue discards it when it is older (deadline
    of law 3), None for calls that change nothing. *frame_method* is its name for
    order entry over WebSocket, "" when REST only. *context* is for the dialect's
    own use when it reads the answer.
    """

    op: str
    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    body: object | None = None
    security: Security = Security.SIGNED
    host: Host = Host.REST
    cost: Cost = FREE
    priority: Priority = Priority.QUERY
    window_ms: int | None = None
    frame_method: str = ""
    symbol: Symbol | None = None
    client_order_id: ClientOrderId | None = None
    context: Mapping[str, str] = field(default_factory=dict)


class HttpWire(Noun, frozen=True, gc=False):
    """Signed bytes for an HTTP client; sent untouched.

    *deadline_ms*: venue time (UTC ms) after which the venue refuses it.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    deadline_ms: int | None

    def __repr__(self) -> str:
        return f"HttpWire({self.method} {self.url.split('?', 1)[0]})"


class FrameWire(Noun, frozen=True, kw_only=True):
    """A signed text frame; *frame_id* matches its answer."""

    text: str
    frame_id: str
    deadline_ms: int | None

    def __repr__(self) -> str:
        return f"FrameWire({self.frame_id})"


class Verdict(StrEnum):
    """What an answer says about the thing asked for."""

    OK = "ok"  # done, or the order exists
    PROCESSING = "processing"  # received; only the stream tells the fate
    UNCHANGED = "unchanged"  # already so: success without effect
    REJECTED = "rejected"  # refused for good
    NOT_EXECUTED = "not_executed"  # not processed; the same id may be sent again
    UNKNOWN = "unknown"  # may or may not have been executed
    DUPLICATE = "duplicate"  # an order with this client id exists
    NOT_OPEN = "not_open"  # cancel or amend came too late: read the final state
    NOT_FOUND = "not_found"  # a query: (not yet) known


class Throttle(Noun, frozen=True, kw_only=True):
    """Stop sending until the time is up: only what uses one of *buckets* (bare ids
    or templates) if any are named, else everything of *scope*."""

    scope: BucketScope
    buckets: tuple[str, ...] = ()
    wait_ms: int | None = None
    until_ms: int | None = None  # venue time
    is_ban: bool = False


class Reply(Noun, frozen=True, kw_only=True):
    """An answer, understood.

    *facts* are told whatever the verdict. *next_request* is the following page.
    *items* holds one Reply per entry of a batch, in request order. *used* are
    server-side counts per bucket, *limits* what the answer taught about them.
    *is_clock_error*: our timestamp was refused, the clock must be measured again.
    *is_counted* False: the venue did not charge the limits. *is_token_error*: the
    access token is not taken any more, the next call needs a new one.
    """

    verdict: Verdict
    code: str = ""
    text: str = ""
    facts: tuple[Fact, ...] = ()
    items: tuple[Reply, ...] = ()
    next_request: Request | None = None
    used: tuple[tuple[str, int], ...] = ()
    limits: tuple[BucketSpec, ...] = ()
    throttle: Throttle | None = None
    server_ms: int | None = None
    is_clock_error: bool = False
    is_key_error: bool = False
    is_token_error: bool = False
    is_counted: bool = True


class HttpAnswer(Noun, frozen=True, kw_only=True):
    """An HTTP answer as the shell saw it; header names lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


# --- the conversation that opens and keeps a stream ---------------------------


class ScriptFailure(StrEnum):
    """Why a conversation cannot go on."""

    RETRY = "retry"  # try again with backoff
    STALLED = "stalled"  # the venue does not answer: try again
    KEY_REFUSED = "key_refused"  # stop: the key is wrong, locked or not allowed
    NEW_KEY = "new_key"  # start over at once with a fresh stream key


class Call(Noun, frozen=True, kw_only=True):
    """Make this REST call and give me the Reply."""

    request: Request


class Open(Noun, frozen=True, kw_only=True):
    """Open the socket; the URL may hold a stream key. *cost* is what the venue
    charges for the handshake."""

    url: Secret
    cost: Cost = FREE


class Send(Noun, frozen=True, kw_only=True):
    """Send this frame. *sign* asks the shell to let `Dialect.sign_frame` finish
    it with the credentials, and with *secret*, a token that the venue gave; *cost*
    goes through the limiter."""

    text: str
    sign: str = ""
    cost: Cost = FREE
    secret: Secret | None = None


class Ready(Noun, frozen=True, kw_only=True):
    """Signed in and every subscription acknowledged."""


class Fail(Noun, frozen=True, kw_only=True):
    """The conversation failed."""

    failure: ScriptFailure
    why: str


Step = Call | Open | Send | Ready | Fail
