"""Our requests to OKX v5 are those of ccxt, but for the differences told here.

Both are asked for the same thing at the same frozen time with the same key. Method,
host, path and parameters are compared one by one; the signature of ccxt is what our
signer makes of the bytes of ccxt, and ours what it makes of ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal as D
from pathlib import Path
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

GOLDEN = Path(__file__).parents[1] / "golden/okx_v5"
DAY_MS = 86_400_000
AT_MS, AT_ISO = 1_795_341_600_000, "2026-11-22T10:00:00.000Z"
KEY, SECRET, PASSPHRASE = "k" * 18, "s" * 36, "p" * 12
BTC, PAIR = Symbol("BTC-USDT-SWAP"), "BTC/USDT:USDT"
DIALECT = dialect_for("okx-v5")
SIGNER = make_signer(
    Credentials(
        api_key=ApiKey(KEY), secret=Secret(SECRET), passphrase=Secret(PASSPHRASE)
    )
)
# The documentation names openapi.okx.com for programs; ccxt takes the web site's host.
HOSTS = ("openapi.okx.com", "www.okx.com")


@dataclass(frozen=True)
class Call:
    """One request as it is sent."""

    method: str
    url: str
    headers: dict[str, str]
    body: str

    @property
    def where(self) -> tuple[str, str]:
        """Method and path."""
        return self.method, urlsplit(self.url).path

    @property
    def host(self) -> str:
        """Where it goes."""
        return urlsplit(self.url).netloc

    @property
    def params(self) -> dict[str, Any]:
        """Parameters by name, wherever they stand."""
        if not self.body:
            return dict(parse_qsl(urlsplit(self.url).query))
        found = json.loads(self.body)
        if isinstance(found, list):  # ccxt sends lists of one
            (found,) = found
        assert isinstance(found, dict)
        return found

    @property
    def signed(self) -> str:
        """What its signature should be."""
        parts = urlsplit(self.url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        text = f"{AT_ISO}{self.method}{target}{self.body}"
        return SIGNER.sign_base64(text.encode())


class Sent(Exception):
    """Thrown instead of sending."""


def of_ccxt(ask: Callable[[Any], Any], *, is_demo: bool = False) -> Call:
    """What a stock ccxt would send at the frozen time."""
    client = ccxt.okx({"apiKey": KEY, "secret": SECRET, "password": PASSPHRASE})
    client.set_sandbox_mode(is_demo)
    # By default it sends one order as a batch of one.
    client.options["createOrder"] = "privatePostTradeOrder"
    client.milliseconds = lambda: AT_MS
    client.fetch_currencies = lambda params={}: {}
    listed = (GOLDEN / "rest_instruments.json").read_text()
    markets = json.loads(listed)["response"]
    caught: list[Call] = []

    def fetch(url: str, method: str, headers: Any = None, body: Any = None) -> Any:
        if "instruments" in url:
            swaps = "instType=SWAP" in url
            return markets if swaps else {"code": "0", "data": []}
        caught.append(Call(method, url, client.headers | headers, body or ""))
        raise Sent

    client.fetch = fetch
    client.load_markets()
    with pytest.raises(Sent):
        ask(client)
    return caught[-1]


def ours(request: Request, environment: str = "live") -> Call:
    """What we would send at the frozen time."""
    endpoints = DIALECT.endpoints(environment)
    assert endpoints is not None
    wire = DIALECT.sign(request, SIGNER, endpoints.rest, AT_MS)
    headers = dict(wire.headers) | dict(endpoints.headers)
    return Call(wire.method, wire.url, headers, wire.body.decode())


RULES = Instrument(
    symbol=BTC,
    kind=InstrumentKind.PERPETUAL,
    base="BTC",
    quote="USDT",
    settle="USDT",
    tick_size=D("0.1"),
    qty_step=D("0.0001"),
    min_qty=D("0.0001"),
    max_qty=D(1_000_000),
    market_max_qty=D(120),
    qty_unit=D("0.01"),
    wire_code="10459",
)
ORDER = Order(
    client_order_id=ClientOrderId("c1"),
    venue_order_id=VenueOrderId("2990011223344120386"),
    symbol=BTC,
    side=Side.BUY,
    order_type=OrderType.LIMIT,
    status=OrderStatus.NEW,
    qty=D("0.01"),
    price=D(59000),
)
INTENT = OrderIntent(
    symbol=BTC,
    side=Side.BUY,
    order_type=OrderType.LIMIT,
    qty=D("0.01"),
    price=D(59000),
)


def part(which: Part) -> Request:
    """The first call of a part of a snapshot."""
    asked = DIALECT.query(which, symbols=[BTC], since_ms=AT_MS, now_ms=AT_MS)
    return asked[0]


CURSOR = FillCursor(symbol=BTC, trade_id=None, venue_ms=0, since_ms=AT_MS - 60_000)
(FILLS, *_) = DIALECT.query_fills(CURSOR, now_ms=AT_MS)
# Older than the three days of one call, so asked of the other.
OLD_CURSOR = FillCursor(
    symbol=BTC, trade_id=None, venue_ms=0, since_ms=AT_MS - 7 * DAY_MS
)
(OLD_FILLS, *_) = DIALECT.query_fills(OLD_CURSOR, now_ms=AT_MS)

# Name: (ours, theirs, what we send besides or otherwise, what they do), each explained.
CASES: dict[str, tuple[Request, Callable[[Any], Any], dict[str, Any], dict[str, Any]]]
CASES = {
    "place": (
        DIALECT.place(INTENT, ClientOrderId("c1"), RULES),
        lambda c: c.create_order(
            PAIR, "limit", "buy", 1, 59000, {"clientOrderId": "c1"}
        ),
        # said aloud: an account in hedge mode must refuse it, not guess
        {"posSide": "net"},
        {},
    ),
    "cancel": (
        DIALECT.cancel(ORDER, RULES),
        lambda c: c.cancel_order("2990011223344120386", PAIR),
        {},
        {},
    ),
    "amend": (
        DIALECT.amend(ORDER, RULES, Terms(qty=D("0.012"), price=D(59100))),
        lambda c: c.edit_order("2990011223344120386", PAIR, "limit", "buy", 1.2, 59100),
        {},
        {},
    ),
    "open orders": (
        part(Part.OPEN_ORDERS),
        lambda c: c.fetch_open_orders(),
        # the venue's default and largest page, said because the next page's
        # cursor depends on it
        {"limit": "100"},
        {},
    ),
    "positions": (part(Part.POSITIONS), lambda c: c.fetch_positions(), {}, {}),
    "balance": (part(Part.BALANCES), lambda c: c.fetch_balance(), {}, {}),
    "recent fills": (
        FILLS,
        # fetch_my_trades always asks the archive, which lags; so its raw call
        lambda c: c.private_get_trade_fills(
            {"instType": "SWAP", "instId": BTC, "begin": str(AT_MS - 60_000)}
        ),
        {"limit": "100"},  # as above; ccxt leaves 100 out
        {},
    ),
    "old fills": (
        OLD_FILLS,
        lambda c: c.fetch_my_trades(PAIR, AT_MS - 7 * DAY_MS, 100),
        {"limit": "100"},
        {},
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
        headers = {k.upper(): v for k, v in call.headers.items()}
        assert headers["OK-ACCESS-KEY"] == KEY
        assert headers["OK-ACCESS-TIMESTAMP"] == AT_ISO
        assert headers["OK-ACCESS-PASSPHRASE"] == PASSPHRASE
        assert headers["OK-ACCESS-SIGN"] == call.signed
        assert "x-simulated-trading" not in call.headers
    assert (mine.host, theirs.host) == HOSTS
    # What may rest has a deadline, so that a lost answer is settled soon.
    has_deadline = name in ("place", "amend")
    assert mine.headers.get("expTime") == (str(AT_MS + 3000) if has_deadline else None)


def test_demo_is_the_same_with_one_header() -> None:
    """Same paths, bytes and signature; the header is not signed."""
    request, ask, _, _ = CASES["place"]
    live, mine, theirs = ours(request), ours(request, "testnet"), of_ccxt(ask)
    demo = of_ccxt(ask, is_demo=True)

    assert (mine.url, mine.body, theirs.body) == (live.url, live.body, demo.body)
    for call in (mine, demo):
        assert call.headers["x-simulated-trading"] == "1"
    assert set(mine.headers) - set(live.headers) == {"x-simulated-trading"}
