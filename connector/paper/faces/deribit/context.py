"""What every method of the face works with: the state, and one call."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from connector.paper.engine import Engine
from connector.paper.faces.asking import Asked
from connector.paper.faces.deribit.auth import ApiKey, KeyRing
from connector.paper.faces.deribit.credits import CreditConfig, Credits
from connector.paper.faces.deribit.rpc import Params, RpcError
from connector.paper.faces.deribit.streams import Streams
from connector.paper.faces.replica import Replica
from connector.paper.types import Instrument, Refusal
from connector.paper.words import Reason

RECENT_ORDERS_MS = 30 * 60_000
RECENT_TRADES_MS = 24 * 3_600_000
INDEXING_MS = 60_000
"""The historical store learns of things this much later."""

CODES: dict[Reason, int] = {
    Reason.BAD_PARAMETER: 11029,
    Reason.UNKNOWN_SYMBOL: 10020,
    Reason.NOT_TRADING: 10012,
    Reason.UNKNOWN_ORDER: 10004,
    Reason.ORDER_CLOSED: 11044,
    Reason.PRICE_TICK: 10043,
    Reason.PRICE_MIN: 10005,
    Reason.PRICE_MAX: 10007,
    Reason.PRICE_BAND_HIGH: 10007,
    Reason.PRICE_BAND_LOW: 10005,
    Reason.QTY_STEP: 10023,
    Reason.QTY_MIN: 10002,
    Reason.QTY_MAX: 11029,
    Reason.MAX_ORDERS: 10013,
    Reason.MAX_CONDITIONAL: 10013,
    Reason.MARGIN: 10009,
    Reason.MAX_POSITION: 10009,
    Reason.REDUCE_ONLY: 10027,
    Reason.POST_ONLY: 11054,
    Reason.WOULD_TRIGGER: 11022,
    Reason.NOT_AMENDABLE: 11049,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceConfig:
    """What a test may want to change about this venue. *is_gateway*: it is Coinbase's
    gateway, with other keys, and an end to silent sockets. *is_cross*: all currencies
    are one pool, which each of them shows converted."""

    is_gateway: bool = False
    is_cross: bool = False
    credits: CreditConfig = field(default_factory=CreditConfig)
    token_life_s: int = 900
    indexing_ms: int = INDEXING_MS


@dataclass(slots=True, kw_only=True)
class Venue:
    """The whole state behind the wire. *origins* tells which socket made an order
    (*waiting_origins*: a trigger order), for cancel-on-disconnect; *protected* are
    accounts and sockets that have it. *hidden_log*: rows of the transaction log, by
    `user_seq`, that queries leave out."""

    engine: Engine
    config: FaceConfig
    keys: KeyRing
    credits: Credits
    streams: Streams
    random: random.Random
    replica: Replica
    matching_delay_ms: int = 0
    origins: dict[int, int] = field(default_factory=dict)
    waiting_origins: dict[int, int] = field(default_factory=dict)
    hidden_log: set[int] = field(default_factory=set)
    protected_sockets: set[int] = field(default_factory=set)
    protected_accounts: set[str] = field(default_factory=set)

    def instrument(self, symbol: str) -> Instrument:
        """The instrument; 10020 if there is none."""
        found = self.engine.instruments.get(symbol)
        if found is None:
            raise RpcError(10020)
        return found


@dataclass(slots=True, kw_only=True)
class Ask(Asked):
    """One call after its checks; *scope* is what its sign-in granted."""

    venue: Venue
    params: Params
    now_ms: int
    socket_id: int | None = None
    key: ApiKey | None = None
    scope: str = ""

    @property
    def account_id(self) -> str:
        """Whose call this is; 13009 for nobody's."""
        if self.key is None:
            raise RpcError(13009)
        return self.key.account_id

    def symbol(self) -> str:
        """The mandatory instrument."""
        symbol = self.params.need("instrument_name")
        self.venue.instrument(symbol)
        return symbol

    def symbols_of(self, currency: str, kind: str = "any") -> list[str]:
        """Instruments that settle in *currency* and are of *kind*."""
        return [
            item.symbol
            for item in self.venue.engine.instruments.values()
            if currency in ("any", item.settle) and kind in ("any", kind_of(item))
        ]


Endpoint = Callable[[Ask], object]


def kind_of(instrument: Instrument) -> str:
    """future or option."""
    return "option" if instrument.strike else "future"


def refuse(no: Refusal) -> RpcError:
    """The machine's refusal as the venue's error."""
    detail = ""
    if no.reason in (Reason.PRICE_BAND_HIGH, Reason.PRICE_BAND_LOW) and no.allowed:
        detail = f"{no.allowed:f}"
    return RpcError(CODES.get(no.reason, 11030), detail=detail)
