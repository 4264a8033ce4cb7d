"""What every endpoint of the face works with: the state, and one call."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, unquote

from connector.paper.engine import Engine
from connector.paper.faces.asking import Asked
from connector.paper.faces.bybit_v5.apierrors import ApiError, bad
from connector.paper.faces.bybit_v5.auth import ApiKey, KeyRing
from connector.paper.faces.bybit_v5.limits import LimitConfig, Limits
from connector.paper.faces.bybit_v5.refused import RefusedLater
from connector.paper.faces.bybit_v5.render import Renderer
from connector.paper.faces.replica import Replica
from connector.paper.types import Instrument
from connector.paper.words import PositionSide

CATEGORY = "linear"
CATEGORIES = ("linear", "spot", "inverse", "option")

_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceConfig:
    """What a test may want to change about this venue.

    *idle_ms*: sockets without a frame from the client for so long are cut.
    *moves_prices*: a limit price outside the band is moved to its edge (the
    account setting ``lpaPerp`` is off, as it is at first), else refused.
    """

    limits: LimitConfig = field(default_factory=LimitConfig)
    idle_ms: int = 600_000
    moves_prices: bool = True
    closed_kept: int = 500


@dataclass(slots=True, kw_only=True)
class Venue:
    """The whole state behind the wire.

    *fundings* are executions of the kind Funding per account, as told.
    *forgotten_ms*: the order query forgot what had closed by then.
    """

    engine: Engine
    config: FaceConfig
    keys: KeyRing
    limits: Limits
    renderer: Renderer
    replica: Replica
    matching_delay_ms: int = 0
    history_lag_ms: int = 0
    forgotten_ms: int = 0
    refused: RefusedLater = field(default_factory=RefusedLater)
    fundings: dict[str, deque[dict[str, Any]]] = field(default_factory=dict)
    isolated: set[str] = field(default_factory=set)


class Params:
    """Named values of one call; an empty text counts as absent."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    @classmethod
    def of_query(cls, query: str) -> Params:
        """From the raw query of a GET."""
        return cls(dict(parse_qsl(query, keep_blank_values=True)))

    def value(self, name: str) -> Any:
        """As it was sent; None if absent or empty."""
        found = self._values.get(name)
        return None if found == "" else found

    def text(self, name: str) -> str | None:
        """As text; numbers too."""
        found = self.value(name)
        if found is None:
            return None
        if isinstance(found, bool | dict | list):
            raise bad(name)
        return str(found)

    def need(self, name: str) -> str:
        """A mandatory text; raises 10001."""
        found = self.text(name)
        if found is None:
            raise bad(name)
        return found

    def decimal(self, name: str) -> Decimal | None:
        """A plain decimal; raises 10001."""
        found = self.text(name)
        if found is None:
            return None
        if not _DECIMAL.fullmatch(found):
            raise bad(name)
        return Decimal(found)

    def integer(self, name: str) -> int | None:
        """An integer, as number or text; raises 10001."""
        found = self.text(name)
        if found is None:
            return None
        if not re.fullmatch(r"-?[0-9]{1,18}", found):
            raise bad(name)
        return int(found)

    def flag(self, name: str) -> bool:
        """A boolean, as such or as text; absent is false. Raises 10001."""
        found = self.value(name)
        if found is None or isinstance(found, bool):
            return bool(found)
        if str(found).lower() not in ("true", "false"):
            raise bad(name)
        return str(found).lower() == "true"

    def choice(self, name: str, allowed: Sequence[str], default: str = "") -> str:
        """One of the allowed words; raises 10001."""
        found = self.text(name) or default
        if found not in allowed:
            raise bad(name)
        return found

    def rows(self, name: str, largest: int) -> list[Params]:
        """A mandatory list of objects, 1 to *largest*; raises 10001."""
        found = self.value(name)
        if (
            not isinstance(found, list)
            or not 1 <= len(found) <= largest
            or not all(isinstance(row, dict) for row in found)
        ):
            raise bad(name)
        return [Params(row) for row in found]


@dataclass(slots=True, kw_only=True)
class Ask(Asked):
    """One call after its checks; *deadline_ms* ends its acceptance window.

    *granted* is how many rows of a batch the limits let through.
    """

    venue: Venue
    params: Params
    now_ms: int
    key: ApiKey | None = None
    deadline_ms: int = 1 << 62
    granted: int = 1

    @property
    def account_id(self) -> str:
        """Whose call this is; only signed calls have an account."""
        if self.key is None:
            raise ApiError(10003)
        return self.key.account_id

    def category(self) -> str:
        """The mandatory category; raises 10001."""
        return self.params.choice("category", CATEGORIES)

    def need_linear(self) -> None:
        """Only linear contracts are listed here; raises 10001."""
        if self.category() != CATEGORY:
            raise ApiError(10001, "params error: this venue lists linear only")

    def instrument(self, params: Params | None = None) -> Instrument:
        """The contract of the mandatory ``symbol``; raises 10001."""
        symbol = (params or self.params).need("symbol")
        found = self.engine.instruments.get(symbol)
        if found is None:
            raise ApiError(10001, "params error: symbol invalid")
        return found

    def symbols(self) -> tuple[str, ...]:
        """Those that ``symbol`` > ``baseCoin`` > ``settleCoin`` select; 10001 if
        none of them is given."""
        listed = self.engine.instruments
        if self.params.text("symbol"):
            return (self.instrument().symbol,)
        base, settle = self.params.text("baseCoin"), self.params.text("settleCoin")
        if base:
            return tuple(s for s, item in listed.items() if item.base == base)
        if settle:
            return tuple(s for s, item in listed.items() if item.settle == settle)
        raise ApiError(10001, "params error: symbol, baseCoin or settleCoin needed")

    def limit(self, default: int, largest: int) -> int:
        """Page size; above *largest* is *largest*."""
        found = self.params.integer("limit")
        if found is None:
            return default
        if found < 1:
            raise bad("limit")
        return min(found, largest)

    def page(
        self, rows: list[Row], mark: Callable[[Row], str], size: int
    ) -> tuple[list[Row], str]:
        """The page that ``cursor`` asks for of *rows* (in their order), and the
        cursor of the next, percent-encoded. *mark* names a row for ever, so that
        rows that come in between shift nothing."""
        start, cursor = 0, self.params.text("cursor")
        if cursor:
            # Clients that encode the cursor once more are served alike.
            after = unquote(unquote(cursor)).removeprefix("after=")
            marks = [mark(row) for row in rows]
            if after not in marks:
                return [], ""
            start = marks.index(after) + 1
        found = rows[start : start + size]
        more = start + size < len(rows)
        return found, quote(f"after={mark(found[-1])}", safe="") if more else ""


def position_sides(engine: Engine, account_id: str) -> tuple[PositionSide, ...]:
    """The position sides of the account's mode, in the order of ``positionIdx``."""
    if engine.is_hedge(account_id):
        return (PositionSide.LONG, PositionSide.SHORT)
    return (PositionSide.BOTH,)


Endpoint = Callable[[Ask], object]
