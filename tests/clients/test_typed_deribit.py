"""typed-deribit, a client that validates every answer, on the paper venue."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.paper.server import PaperServer
from connector.paper.venue import paper_server

pytest.importorskip("typed_deribit", reason="extra: clients")

from typed_deribit import Deribit as Client
from typed_deribit.core.auth import Credentials
from typed_deribit.core.transport.http import (
    HmacHttpRpcClient,
    OAuthHttpRpcClient,
)
from typed_deribit.core.transport.ws import SocketRpcStreamClient

pytestmark = [
    pytest.mark.clients,
    # Its own serializer warns of texts where its types say Decimal.
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning"),
]
KEYS = Credentials("clientskey", "clientssecret")
SYMBOL = "BTC-PERPETUAL"
RESTING = {
    "instrument_name": SYMBOL,
    "amount": 10,
    "type": "limit",
    "price": 95_000.0,
    "label": "typed",
    "post_only": False,
}


def client_of(server: PaperServer, http: Any) -> Client:
    """The stock client but for its addresses."""
    return Client(
        rpc_client=http(base_url=f"{server.links.rest}/api/v2", credentials=KEYS),
        ws_client=SocketRpcStreamClient.new(server.links.stream, credentials=KEYS),
    )


@pytest.mark.parametrize("transport", ["http", "ws"])
@pytest.mark.parametrize("http", [OAuthHttpRpcClient, HmacHttpRpcClient])
def test_it_trades(http: Any, transport: str) -> None:
    """By POST to a method's path, signed per call or by token, and over WebSocket:
    places, edits, cancels, fills and asks, every answer of the documented shape."""

    async def trade(client: Client) -> None:
        way: Any = {"transport": transport}
        public, own, account = client.market_data, client.trading, client.account
        listed = await public.get_instruments(currency="BTC", **way)
        assert {row["kind"] for row in listed} == {"future", "option"}
        assert (await public.ticker(instrument_name=SYMBOL, **way))["mark_price"] > 0
        placed = (await own.buy(RESTING, **way))["order"]
        number = placed["order_id"]
        edited = await own.edit(order_id=number, amount=20, price=95_100.0, **way)
        assert edited["order"]["amount"] == 20
        found = await own.get_order_state_by_label(currency="BTC", label="typed", **way)
        assert [row["order_id"] for row in found] == [number]
        gone = await own.cancel(order_id=number, **way)
        assert gone["order_state"] == "cancelled"
        market = {"instrument_name": SYMBOL, "amount": 100, "type": "market"}
        filled = await own.buy(market, **way)
        assert filled["order"]["order_state"] == "filled"
        held = await account.get_positions(currency="BTC", **way)
        assert [(row["instrument_name"], row["size"]) for row in held] == [
            (SYMBOL, 100)
        ]
        trades = await own.get_user_trades_by_instrument(instrument_name=SYMBOL, **way)
        assert sum(row["amount"] for row in trades["trades"]) == 100
        told = await account.get_account_summary(currency="BTC", extended=True, **way)
        assert told["limits"]["matching_engine"]["trading"]["total"]["rate"] == 5
        now = datetime.now(UTC)
        log = await account.get_transaction_log(
            currency="BTC",
            start_timestamp=now - timedelta(days=1),
            end_timestamp=now + timedelta(days=1),
            validate=False,  # it knows no rows without an amount, which transfers are
            **way,
        )
        assert {row["type"] for row in log["logs"]} == {"transfer", "trade"}

    play(http, trade)


def test_it_hears() -> None:
    """Changes of an instrument and the portfolio, while it trades on the socket."""

    async def trade(client: Client) -> None:
        user = client.streams.user
        changes = user.changes_by_kind_currency(
            kind="any", currency="any", interval="raw"
        )
        async with changes as told:
            await client.trading.buy(RESTING, transport="ws")
            first = await anext(aiter(told))
        assert first["orders"][0]["label"] == "typed"

    play(OAuthHttpRpcClient, trade)


def play(http: Any, story: Any) -> None:
    """Play *story* with a client on a fresh venue whose market stands still."""

    async def main() -> None:
        server = paper_server(
            "deribit", api_key=KEYS.client_id, api_secret=KEYS.client_secret, seed=7
        )
        server.faces[0].engine.freeze()
        async with server, asyncio.timeout(60), client_of(server, http) as client:
            await story(client)

    asyncio.run(main())
