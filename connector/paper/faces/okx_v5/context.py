"""What every endpoint of the face works with: the state, and one call."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from connector.paper.engine import Engine
from connector.paper.faces.asking import Asked
from connector.paper.faces.okx_v5.apierrors import ApiError
from connector.paper.faces.okx_v5.auth import ApiKey, KeyRing
from connector.paper.faces.okx_v5.limits import LimitConfig, Limits
from connector.paper.faces.okx_v5.listings import Catalogue, Contract
from connector.paper.faces.replica import Replica
from connector.paper.types import Instrument, Refusal
from connector.paper.words import PositionSide, Reason, Side

CODES: dict[Reason, int] = {
    Reason.UNKNOWN_SYMBOL: 51001,
    Reason.NOT_TRADING: 51087,
    Reason.UNKNOWN_ORDER: 51400,
    Reason.ORDER_CLOSED: 51400,
    Reason.DUPLICATE_CLIENT_ID: 51016,
    Reason.PRICE_BAND_HIGH: 51137,
    Reason.PRICE_BAND_LOW: 51138,
    Reason.QTY_STEP: 51121,
    Reason.QTY_MIN: 51020,
    Reason.QTY_MAX: 51101,
    Reason.NOTIONAL_MIN: 51020,
    Reason.MAX_ORDERS: 51103,
    Reason.MAX_CONDITIONAL: 51103,
    Reason.MARGIN: 51008,
    Reason.MAX_POSITION: 51004,
    Reason.REDUCE_ONLY: 51169,
    Reason.WOULD_TRIGGER: 51280,
    Reason.TRIGGERING: 51410,
    Reason.NO_CHANGE: 51510,
    Reason.MAX_AMENDS: 51510,
    Reason.NOT_AMENDABLE: 51506,
    Reason.OPEN_ORDERS: 59000,
    Reason.OPEN_POSITION: 59000,
    Reason.LEVERAGE: 59102,
    Reason.LEVERAGE_REDUCTION: 59103,
}

WHOLE = re.compile(r"[0-9]{1,20}")
NUMBER = re.compile(r"[0-9]{1,24}(\.[0-9]{1,24})?")
POSITION_SIDES = {
    "": PositionSide.BOTH,
    "net": PositionSide.BOTH,
    "long": PositionSide.LONG,
    "short": PositionSide.SHORT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceConfig:
    """What a test may want to change about this venue.

    *account_level*: 2 futures mode, 3 multi-currency. *has_fast_fills*: entitled to
    the channel of fills.
    """

    limits: LimitConfig = field(default_factory=LimitConfig)
    account_level: int = 2
    has_fast_fills: bool = False
    idle_ms: int = 30_000
    push_every_ms: int = 5_000
    unfilled_kept_ms: int = 2 * 3_600_000


@dataclass(slots=True, kw_only=True)
class Venue:
    """The whole state behind the wire.

    *plain_triggers*: ids of conditional orders that are neither stop nor take-profit.
    """

    engine: Engine
    config: FaceConfig
    keys: KeyRing
    limits: Limits
    catalogue: Catalogue
    replica: Replica
    random: random.Random
    matching_delay_ms: int = 0
    plain_triggers: set[int] = field(default_factory=set)

    def instrument(self, symbol: str) -> Instrument:
        """The instrument; raises 51001."""
        self.catalogue.of(symbol)
        return self.engine.instruments[symbol]

    def uid(self, account_id: str) -> str:
        """The user id of an account."""
        return str(614_488_474_791_000 + sum(map(ord, account_id)))


def text_in(row: Mapping[str, Any], name: str) -> str:
    """A field as text; numbers may come as JSON numbers, what is absent is ""."""
    value = row.get(name)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def need(row: Mapping[str, Any], name: str) -> str:
    """A mandatory field; raises 50014."""
    value = text_in(row, name)
    if not value:
        raise ApiError(50014, name)
    return value


def choice(row: Mapping[str, Any], name: str, allowed: Mapping[str, Any]) -> Any:
    """What a word stands for; raises 51000."""
    word = text_in(row, name)
    if word not in allowed:
        raise ApiError(51000, name)
    return allowed[word]


def number_in(row: Mapping[str, Any], name: str) -> Decimal | None:
    """An optional number above 0; raises 51000 on anything else."""
    value = text_in(row, name)
    if not value:
        return None
    if not NUMBER.fullmatch(value) or not Decimal(value):
        raise ApiError(51000, name)
    return Decimal(value)


def flag_in(row: Mapping[str, Any], name: str) -> bool:
    """A boolean, as such or as a word; raises 51000."""
    return bool(
        choice(row, name, {"": False, "true": True, "false": False, "True": True})
    )


def side_in(row: Mapping[str, Any]) -> Side:
    """The mandatory side."""
    need(row, "side")
    side: Side = choice(row, "side", {"buy": Side.BUY, "sell": Side.SELL})
    return side


@dataclass(slots=True, kw_only=True)
class Ask(Asked):
    """One call after its checks: *query* of a GET, *body* of a POST (an object or a
    list), *expires_ms* where the client gave ``expTime``, *by_frame* when it came
    over a socket, where instruments are numbers."""

    venue: Venue
    now_ms: int
    peer: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    key: ApiKey | None = None
    expires_ms: int | None = None
    by_frame: bool = False

    @property
    def account_id(self) -> str:
        """Whose call this is; only signed calls have an account."""
        if self.key is None:
            raise ApiError(50103)
        return self.key.account_id

    def row(self) -> Mapping[str, Any]:
        """The body as one object; raises 50002."""
        if not isinstance(self.body, dict):
            raise ApiError(50002)
        return self.body

    def rows(self, most: int) -> list[Mapping[str, Any]]:
        """The body as a list of at most *most* objects; raises 50002 or 51000."""
        body = self.body
        if not isinstance(body, list) or not all(isinstance(one, dict) for one in body):
            raise ApiError(50002)
        if not 1 <= len(body) <= most:
            raise ApiError(51000, "size of the batch")
        return body

    def symbol_in(self, row: Mapping[str, Any]) -> str:
        """The instrument of a row: by number on a socket, by name else."""
        if self.by_frame:
            return self.venue.catalogue.symbol_of(row.get("instIdCode"))
        symbol = need(row, "instId")
        self.venue.catalogue.of(symbol)
        return symbol

    def contract(self, symbol: str) -> Contract:
        """How *symbol* is counted."""
        return self.venue.catalogue.of(symbol)

    def check_deadline(self) -> None:
        """``expTime``: 50036 if it had passed on arrival, 50037 at the matching."""
        if self.expires_ms is None:
            return
        if self.expires_ms < self.now_ms:
            raise ApiError(50036)
        if self.expires_ms < self.now_ms + self.venue.matching_delay_ms:
            raise ApiError(50037)

    def limit(self) -> int:
        """``limit`` of a list: 1 to 100."""
        limit = self.whole("limit")
        if limit is None:
            return 100
        if not 1 <= limit <= 100:
            raise ApiError(51000, "limit")
        return limit

    def page(self, rows: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
        """Of rows newest first: ``after`` asks for older, ``before`` for newer."""
        after, before = self.whole("after"), self.whole("before")
        if after is not None:
            rows = [row for row in rows if int(row[key]) < after]
        if before is not None:
            rows = [row for row in rows if int(row[key]) > before]
        return rows[: self.limit()]

    def whole(self, name: str) -> int | None:
        """An optional whole number of the query; raises 51000."""
        text = self.query.get(name, "")
        if not text:
            return None
        if not WHOLE.fullmatch(text):
            raise ApiError(51000, name)
        return int(text)


def refuse(no: Refusal) -> ApiError:
    """The machine's refusal as the venue's error."""
    code = CODES.get(no.reason, 51000)
    if code in (51137, 51138):
        return ApiError(code, no.allowed)
    if code == 51000:
        return ApiError(code, no.detail or no.reason.lower())
    return ApiError(code)
