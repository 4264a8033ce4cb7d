"""A bench around one running Binance USD-M paper server with a hand-moved clock."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable, Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from connector.paper.faces.binance_usdm import ApiKey, BinanceUsdm, FaceConfig
from connector.paper.server import PaperServer
from connector.paper.venue import paper_server

START_MS = 1_795_341_600_000
KEY, SECRET = "benchkey", "benchsecret"
GOLDEN = Path(__file__).parents[2] / "golden" / "binance_usdm"
SYMBOL = "BTCUSDT"


class Bench:
    """A server, an HTTP client, and the short words of the tests."""

    def __init__(
        self, *, config: FaceConfig | None = None, more_keys: tuple[ApiKey, ...] = ()
    ) -> None:
        self.now_ms = START_MS
        self.server: PaperServer = paper_server(
            "binance-usdm",
            api_key=KEY,
            api_secret=SECRET,
            seed=7,
            now_ms=lambda: self.now_ms,
            config=config,
            more_keys=more_keys,
            balances={"USDT": Decimal(5000)},
        )
        self.face = self.server.faces[0]
        assert isinstance(self.face, BinanceUsdm)
        self.face.engine.freeze()
        self._sockets: list[ClientConnection] = []

    async def __aenter__(self) -> Self:
        await self.server.start()
        self.urls = self.server.urls
        self.http = httpx.AsyncClient(base_url=self.urls["rest"], trust_env=False)
        return self

    async def __aexit__(self, *exc: object) -> None:
        for socket in self._sockets:
            await socket.close()
        await self.http.aclose()
        await self.server.close()

    def hold_timers(self) -> list[tuple[float, Callable[[], None]]]:
        """What shall happen later waits here, (ms, what), until the test does it."""
        held: list[tuple[float, Callable[[], None]]] = []
        self.server.later = lambda *item: held.append(item)
        return held

    def pass_ms(self, ms: int) -> None:
        """Move the venue's clock and let it act."""
        self.now_ms += ms
        self.server.pump()

    def signed(self, params: dict[str, Any], secret: str = SECRET) -> str:
        """A query string with timestamp and HMAC signature."""
        stamped = {"timestamp": self.now_ms, **params}
        text = urlencode(stamped, quote_via=quote)
        mac = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        return f"{text}&signature={mac}"

    async def call(self, method: str, path: str, **params: Any) -> httpx.Response:
        """A signed call, parameters in the query."""
        url = f"{path}?{self.signed(params)}"
        return await self.http.request(method, url, headers={"X-MBX-APIKEY": KEY})

    async def ok(self, method: str, path: str, **params: Any) -> Any:
        """The JSON of a signed call that must succeed."""
        answer = await self.call(method, path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def error(
        self, method: str, path: str, **params: Any
    ) -> tuple[int, int, str]:
        """HTTP status, code and text of a signed call that must fail."""
        answer = await self.call(method, path, **params)
        body = answer.json()
        return answer.status_code, body["code"], body["msg"]

    async def buy(self, price: str = "59000.00", **params: Any) -> Any:
        """A resting limit order of 0.010."""
        base = {
            "symbol": SYMBOL,
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "0.010",
            "price": price,
        }
        return await self.ok("POST", "/fapi/v1/order", **{**base, **params})

    async def market(self, side: str, quantity: str = "0.010", **params: Any) -> Any:
        """A market order, answered with its result."""
        return await self.ok(
            "POST",
            "/fapi/v1/order",
            symbol=SYMBOL,
            side=side,
            type="MARKET",
            quantity=quantity,
            newOrderRespType="RESULT",
            **params,
        )

    def control(self, verb: str, **args: Any) -> Any:
        """Steer the venue."""
        return self.server.control.apply(verb, args)

    async def listen_key(self) -> str:
        """The account's listen key."""
        headers = {"X-MBX-APIKEY": KEY}
        answer = await self.http.post("/fapi/v1/listenKey", headers=headers)
        return str(answer.json()["listenKey"])

    async def socket(self, path: str, **options: Any) -> ClientConnection:
        """An open WebSocket at *path*."""
        socket = await connect(
            self.urls["stream"] + path, proxy=None, compression=None, **options
        )
        self._sockets.append(socket)
        return socket

    async def private(self) -> ClientConnection:
        """An open private stream."""
        return await self.socket(f"/private/ws?listenKey={await self.listen_key()}")

    async def ask(self, socket: ClientConnection, request: dict[str, Any]) -> Any:
        """Send a JSON request and read the next message."""
        await socket.send(json.dumps(request))
        return await self.read(socket)

    async def read(self, socket: ClientConnection) -> Any:
        """The next message."""
        async with asyncio.timeout(5):
            return json.loads(await socket.recv())

    async def read_all(self, socket: ClientConnection) -> list[Any]:
        """Everything that is on its way: up to the answer to a question."""
        await socket.send('{"method":"LIST_SUBSCRIPTIONS","id":"sentinel"}')
        rows: list[Any] = []
        while True:
            row = await self.read(socket)
            if row.get("id") == "sentinel":
                return rows
            rows.append(row)


Story = Callable[[Bench], Coroutine[Any, Any, None]]
Stage = Callable[..., None]


@pytest.fixture
def stage() -> Stage:
    """Run a story on a bench of its own, with a deadline."""

    def play(story: Story, **options: Any) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(20), Bench(**options) as bench:
                await story(bench)

        asyncio.run(bounded())

    return play


def shape(value: Any) -> Any:
    """Keys and JSON types, recursively; of a list, those of its first item."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


@pytest.fixture
def golden() -> Callable[[str], Any]:
    """A golden payload by file name; a list of rows for JSON lines."""

    def load(name: str) -> Any:
        text = (GOLDEN / name).read_text()
        if name.endswith(".jsonl"):
            return [json.loads(line) for line in text.splitlines()]
        return json.loads(text)

    return load


@pytest.fixture
def shape_of() -> Callable[[Any], Any]:
    """See ``shape``."""
    return shape
