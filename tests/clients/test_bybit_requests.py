"""Our requests to Bybit v5 are those of ccxt, but for the differences told here.

Both are asked for the same thing at the same frozen time with the same key. Method,
host, path and parameters are compared one by one; the signature of ccxt is what our
signer makes of the bytes of ccxt, and ours what it makes of ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from connector.dialect import FillCursor, Part
from connector.dialect.wire import Request
from connector.model.credentials import ApiKey, Credentials, Secret
from connector.model.ids import ClientOrderId, Symbol, VenueOrderId
from connector.model.instrument import Instrument, InstrumentKind
from connector.model.order import (
    Order,
    OrderIntent,
    OrderStatus,
    OrderType,
    Side,
    Terms,
)
from connector.venues.registry import dialect_for
from connector.venues.signing import make_signer

ccxt = pytest.importorskip("ccxt", reason="extra: clients")
pytestmark = [pytest.mark.clients]

AT_MS = 1_795_341_600_000
KEY, SECRET = "k" * 18, "s" * 36
BTC, PAIR = Symbol("BTCUSDT"), "BTC/USDT:USDT"
DIALECT = dialect_for("bybit-v5")
ENDPOINTS = DIALECT.endpoints("live")
SIGNER = make_signer(Credentials(api_key=ApiKey(KEY), secret=Secret(SECRET)))


@dataclass(frozen=True)
class Call:
    """One request as it is sent."""

    method: str
    url: str
    headers: dict[str, str]
    body: str

    @property
    def where(self) -> tuple[str, str, str]:
        """Method, host and path."""
        parts = urlsplit(self.url)
        return self.method, parts.netloc, parts.path

    @property
    def params(self) -> dict[str, Any]:
        """Parameters by name, wherever they stand."""
        if self.body:
            found = json.loads(self.body)
            assert isinstance(found, dict)
            return found
        return dict(parse_qsl(urlsplit(self.url).query))

    @property
    def signed(self) -> str:
        """What its signature should be."""
        window = self.headers["X-BAPI-RECV-WINDOW"]
        text = self.body or urlsplit(self.url).query
        return SIGNER.sign_hex(f"{AT_MS}{KEY}{window}{text}".encode())


class Sent(Exception):
    """Thrown instead of sending."""


MARKET = {
    "symbol": "BTCUSDT",
    "contractType": "LinearPerpetual",
    "status": "Trading",
    "baseCoin": "BTC",
    "quoteCoin": "USDT",
    "settleCoin": "USDT",
    "launchTime": "1585526400000",
    "deliveryTime": "0",
    "priceScale": "2",
    "leverageFilter": {
        "minLeverage": "1",
        "maxLeverage": "100",
        "leverageStep": "0.01",
    },
    "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
    "lotSizeFilter": {
        "maxOrderQty": "1190.000",
        "minOrderQty": "0.001",
        "qtyStep": "0.001",
        "maxMktOrderQty": "500.000",
        "minNotionalValue": "5",
    },
}


def of_ccxt(ask: Callable[[Any], Any]) -> Call:
    """What a stock ccxt would send at the frozen time."""
    client = ccxt.bybit({"apiKey": KEY, "secret": SECRET})
    client.options["enableUnifiedAccount"] = True
    client.options["enableUnifiedMargin"] = False
    client.options["unifiedMarginStatus"] = 5
    client.milliseconds = lambda: AT_MS
    client.fetch_currencies = lambda params={}: {}
    caught: list[Call] = []

    def fetch(url: str, method: str, headers: Any = None, body: Any = None) -> Any:
        if "instruments-info" in url:
            rows = [MARKET] if "category=linear" in url else []
            return {"retCode": 0, "result": {"list": rows, "nextPageCursor": ""}}
        caught.append(Call(method, url, dict(headers), body or ""))
        raise Sent

    client.fetch = fetch
    client.load_markets()
    with pytest.raises(Sent):
        ask(client)
    return caught[-1]


def ours(request: Request) -> Call:
    """What we would send at the frozen time."""
    assert ENDPOINTS is not None
    wire = DIALECT.sign(request, SIGNER, ENDPOINTS.rest, AT_MS)
    return Call(wire.method, wire.url, dict(wire.headers), wire.body.decode())


RULES = Instrument(
    symbol=BTC,
    kind=InstrumentKind.PERPETUAL,
    base="BTC",
    quote="USDT",
    settle="USDT",
    tick_size=Decimal("0.1"),
    qty_step=Decimal("0.001"),
    min_qty=Decimal("0.001"),
    max_qty=Decimal(1190),
    market_max_qty=Decimal(500),
)
ORDER = Order(
    client_order_id=ClientOrderId("c1"),
    venue_order_id=VenueOrderId("7c1f0b52-3a7e"),
    symbol=BTC,
    side=Side.BUY,
    order_type=OrderType.LIMIT,
    status=OrderStatus.NEW,
    qty=Decimal("0.010"),
    price=Decimal(59000),
)
INTENT = OrderIntent(
    symbol=BTC,
    side=Side.BUY,
    order_type=OrderType.LIMIT,
    qty=Decimal("0.01"),
    price=Decimal(59000),
)


def part(which: Part) -> Request:
    """The first call of a part of a snapshot."""
    asked = DIALECT.query(which, symbols=[BTC], since_ms=AT_MS, now_ms=AT_MS)
    return asked[0]


CURSOR = FillCursor(symbol=BTC, trade_id=None, venue_ms=0, since_ms=AT_MS - 60_000)
(FILLS,) = DIALECT.query_fills(CURSOR, now_ms=AT_MS)

# Name: (ours, theirs, what we send besides or otherwise, what they do), each explained.
CASES: dict[str, tuple[Request, Callable[[Any], Any], dict[str, Any], dict[str, Any]]]
CASES = {
    "place": (
        DIALECT.place(INTENT, ClientOrderId("c1"), RULES),
        lambda c: c.create_order(
            PAIR, "limit", "buy", 0.01, 59000, {"clientOrderId": "c1"}
        ),
        {
            # we say the lifetime, the position mode and "may open" aloud: the
            # venue's defaults could change
            "timeInForce": "GTC",
            "positionIdx": 0,
            "reduceOnly": False,
        },
        {},
    ),
    "cancel": (
        DIALECT.cancel(ORDER),
        lambda c: c.cancel_order("7c1f0b52-3a7e", PAIR),
        {},
        {},
    ),
    "amend": (
        DIALECT.amend(ORDER, RULES, Terms(qty=Decimal("0.012"), price=Decimal(59100))),
        lambda c: c.edit_order("7c1f0b52-3a7e", PAIR, "limit", "buy", 0.012, 59100),
        {},
        {},
    ),
    "open orders": (
        part(Part.OPEN_ORDERS),
        lambda c: c.fetch_open_orders(None, params={"settleCoin": "USDT"}),
        # both are the defaults of the venue or its largest page
        {"openOnly": "0", "limit": "50"},
        {},
    ),
    "positions": (
        part(Part.POSITIONS),
        lambda c: c.fetch_positions(None, {"settleCoin": "USDT", "limit": 200}),
        {},
        {},
    ),
    "balance": (
        part(Part.BALANCES),
        lambda c: c.fetch_balance(),
        {},
        {},
    ),
    "fills": (
        FILLS,
        lambda c: c.fetch_my_trades(PAIR, AT_MS - 60_000, 100),
        # our window reaches into the future, so that no clock cuts off its end;
        # theirs is the week that the venue takes from startTime
        {"endTime": str(AT_MS + 60_000)},
        # they ask for trades alone; liquidations and ADL are fills too
        {"execType": "Trade"},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_our_request_is_that_of_ccxt(name: str) -> None:
    """The same call but for what the table explains, both signed alike."""
    request, ask, more_of_us, more_of_them = CASES[name]
    mine, theirs = ours(request), of_ccxt(ask)

    assert mine.where == theirs.where
    us, them = mine.params, theirs.params
    assert {k: v for k, v in us.items() if k not in them or them[k] != v} == more_of_us
    assert {k: v for k, v in them.items() if k not in us or us[k] != v} == more_of_them
    for call in (mine, theirs):
        assert call.headers["X-BAPI-API-KEY"] == KEY
        assert call.headers["X-BAPI-TIMESTAMP"] == str(AT_MS)
        assert call.headers["X-BAPI-SIGN"] == call.signed
    # Commands have a shorter window: a lost answer is settled sooner.
    wanted = "3000" if request.method == "POST" else "5000"
    assert mine.headers["X-BAPI-RECV-WINDOW"] == wanted
    assert theirs.headers["X-BAPI-RECV-WINDOW"] == "5000"
