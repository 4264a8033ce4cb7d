"""What every endpoint of the face works with: the state, and one call.

``Venue`` is the state behind the wire (machine, keys, limits, streams); ``Ask`` is
one authenticated call, the same for REST and for order entry.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NoReturn

from connector.paper.engine import Engine
from connector.paper.faces.asking import Asked
from connector.paper.faces.binance_usdm.apierrors import ApiError
from connector.paper.faces.binance_usdm.auth import ApiKey, KeyRing
from connector.paper.faces.binance_usdm.limits import LimitConfig, Limits
from connector.paper.faces.binance_usdm.params import Params
from connector.paper.faces.binance_usdm.render import Renderer
from connector.paper.faces.binance_usdm.streams import Streams
from connector.paper.faces.replica import Replica
from connector.paper.faces.windows import KEPT_MAX
from connector.paper.types import Instrument, Refusal
from connector.paper.words import PositionSide, Reason

CODES: dict[Reason, int] = {
    Reason.BAD_PARAMETER: -1130,
    Reason.UNKNOWN_SYMBOL: -1121,
    Reason.NOT_TRADING: -4141,
    Reason.UNKNOWN_ORDER: -2011,
    Reason.ORDER_CLOSED: -2011,
    Reason.DUPLICATE_CLIENT_ID: -4116,
    Reason.PRICE_TICK: -4014,
    Reason.PRICE_MIN: -4013,
    Reason.PRICE_MAX: -4002,
    Reason.PRICE_BAND_HIGH: -4016,
    Reason.PRICE_BAND_LOW: -4024,
    Reason.QTY_STEP: -4023,
    Reason.QTY_MIN: -4004,
    Reason.QTY_MAX: -4005,
    Reason.NOTIONAL_MIN: -4164,
    Reason.MAX_ORDERS: -2025,
    Reason.MAX_CONDITIONAL: -4045,
    Reason.MARGIN: -2019,
    Reason.MAX_POSITION: -2027,
    Reason.REDUCE_ONLY: -2022,
    Reason.POSITION_SIDE: -4061,
    Reason.POST_ONLY: -5022,
    Reason.FOK: -5021,
    Reason.NO_LIQUIDITY: -5041,
    Reason.WOULD_TRIGGER: -2021,
    Reason.TRIGGERING: -4117,
    Reason.EXPIRE_TIME: -5040,
    Reason.NO_CHANGE: -5027,
    Reason.MAX_AMENDS: -5026,
    Reason.NOT_AMENDABLE: -5025,
    Reason.LEVERAGE: -4028,
    Reason.LEVERAGE_REDUCTION: -4161,
    Reason.BALANCE: -2018,
    Reason.NOT_ISOLATED: -4054,
    Reason.NO_POSITION: -4054,
    Reason.ISOLATED_MARGIN: -4051,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginMove:
    """One adjustment of an isolated position's margin by the user."""

    account_id: str
    symbol: str
    way: int  # 1 added, 2 taken
    amount: Decimal
    position_side: PositionSide
    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceConfig:
    """What a test may want to change about this venue.

    *hides_weight*: answers of weight 0 show -1 as used weight, as seen live.
    """

    limits: LimitConfig = field(default_factory=LimitConfig)
    listen_key_life_ms: int = 3_600_000
    socket_life_ms: int = 86_400_000
    ping_every_ms: int = 180_000
    pong_within_ms: int = 600_000
    serves_unrouted: bool = True
    hides_weight: bool = False


@dataclass(slots=True, kw_only=True)
class Venue:
    """The whole state behind the wire."""

    engine: Engine
    config: FaceConfig
    keys: KeyRing
    limits: Limits
    streams: Streams
    renderer: Renderer
    random: random.Random
    replica: Replica
    matching_delay_ms: int = 0
    margin_moves: deque[MarginMove] = field(
        default_factory=lambda: deque(maxlen=KEPT_MAX)
    )

    def instrument(self, symbol: str) -> Instrument:
        """The instrument; raises -1121."""
        found = self.engine.instruments.get(symbol)
        if found is None:
            raise ApiError(-1121)
        return found


@dataclass(slots=True, kw_only=True)
class Ask(Asked):
    """One call after its checks; *deadline_ms* ends its acceptance window."""

    venue: Venue
    params: Params
    now_ms: int
    peer: str
    key: ApiKey | None = None
    deadline_ms: int = 1 << 62

    @property
    def account_id(self) -> str:
        """Whose call this is; only signed calls have an account."""
        if self.key is None:
            raise ApiError(-2014)
        return self.key.account_id

    def symbol(self) -> str:
        """The mandatory symbol; raises -1102 or -1121."""
        symbol = self.params.need("symbol").upper()
        self.venue.instrument(symbol)
        return symbol

    def symbol_or_none(self) -> str | None:
        """The optional symbol; raises -1121."""
        return self.symbol() if self.params.text("symbol") else None


Endpoint = Callable[[Ask], object]


def refuse(no: Refusal, *, instrument: Instrument | None = None) -> NoReturn:
    """Raise the machine's refusal as the venue's error."""
    code = CODES.get(no.reason, -2010)
    text = None
    allowed = no.allowed
    if code == -4164:
        least = instrument.min_notional if instrument else allowed
        text = (
            f"Order's notional must be no smaller than {least} "
            "(unless you choose reduce only)."
        )
    elif code == -4016 and allowed is not None:
        text = f"Limit price can't be higher than {allowed}."
    elif code == -4024 and allowed is not None:
        text = f"Limit price can't be lower than {allowed}."
    elif code == -2010 or code == -4054:
        text = no.detail or str(no.reason)
    raise ApiError(code, text)
