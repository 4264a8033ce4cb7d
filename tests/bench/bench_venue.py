"""A venue for measuring: answers orders at once, and sends private events in bursts.

    python bench_venue.py        prints one line of JSON: rest, stream, ws_api, keys

Orders and their events are answered by a dozen lines of asyncio, the same for every
contender; everything else (rules, balances, listen keys, the clock) is asked of a
simulated venue in this process. The account is flat at every third event and its
wallet never moves, so what REST tells and what the stream told always agree.

    GET /bench/burst?count=N&rate=R    N events to every private socket, R a second
                                       (0: as fast as they are taken)
    GET /bench/orders?count=N          so many resting orders, told to nobody
    GET /bench/fills?count=N           so many executions of those, told to nobody
    GET /bench/drop                    every private socket is lost
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from connector.paper.faces.binance_usdm.limits import LimitConfig
from connector.paper.venue import paper_server

VENUE = "binance-usdm"
API_KEY = "bench-key-0000000001"
API_SECRET = "bench-secret-0000000001"
PLENTY = 1_000_000_000
SYMBOL = "BTCUSDT"
WALLET = "100000.00000000"
ORDER_PATHS = ("/fapi/v1/order", "/fapi/v1/openOrders")
HIGH_WATER = 1 << 20


def text_frame(payload: bytes) -> bytes:
    """One unmasked text frame."""
    size = len(payload)
    if size < 126:
        return bytes([0x81, size]) + payload
    return bytes([0x81, 126]) + size.to_bytes(2, "big") + payload


def order_event(
    terms: dict[str, Any], status: str, now_ms: int, *, trade_id: int = 0
) -> bytes:
    """ORDER_TRADE_UPDATE as Binance sends it, with all its fields."""
    qty = terms["origQty"]
    filled = qty if status == "FILLED" else "0"
    kind = {"NEW": "NEW", "CANCELED": "CANCELED", "FILLED": "TRADE"}[status]
    body = {
        "s": SYMBOL, "c": terms["clientOrderId"], "S": terms["side"], "o": "LIMIT",
        "f": "GTC", "q": qty, "p": terms["price"], "ap": terms["price"], "sp": "0",
        "x": kind, "X": status, "i": terms["orderId"], "l": filled, "z": filled,
        "L": terms["price"] if filled != "0" else "0", "n": "0", "N": "USDT",
        "T": now_ms, "t": trade_id, "b": "0", "a": "0", "m": False, "R": False,
        "wt": "CONTRACT_PRICE", "ot": "LIMIT", "ps": "BOTH", "cp": False, "rp": "0",
        "pP": False, "si": 0, "ss": 0, "V": "EXPIRE_MAKER", "pm": "NONE", "gtd": 0,
        "er": "0",
    }  # fmt: skip
    event = {"e": "ORDER_TRADE_UPDATE", "E": now_ms, "T": now_ms, "o": body}
    return json.dumps(event, separators=(",", ":")).encode()


def account_event(qty: str, now_ms: int) -> bytes:
    """ACCOUNT_UPDATE after a fill."""
    balance = {"a": "USDT", "wb": WALLET, "cw": WALLET, "bc": "0"}
    position = {
        "s": SYMBOL, "pa": qty, "ep": "60000.0", "bep": "60000.0", "cr": "0",
        "up": "0", "mt": "cross", "iw": "0", "ps": "BOTH", "ma": "USDT",
    }  # fmt: skip
    change = {"m": "ORDER", "B": [balance], "P": [position]}
    event = {"e": "ACCOUNT_UPDATE", "E": now_ms, "T": now_ms, "a": change}
    return json.dumps(event, separators=(",", ":")).encode()


def story(first_id: int) -> Iterator[bytes]:
    """Events for ever: an order appears, the position moves, the order is filled;
    buys and sells in turn. The client order id is the time it was made, in ns."""
    number = first_id
    while True:
        number += 1
        now_ns = time.time_ns()
        now_ms = now_ns // 1_000_000
        is_buy = number % 2 == 1
        terms = {
            "clientOrderId": f"b{now_ns}", "side": "BUY" if is_buy else "SELL",
            "orderId": number, "origQty": "0.010", "price": "60000.0",
        }  # fmt: skip
        yield order_event(terms, "NEW", now_ms)
        yield account_event("0.010" if is_buy else "0.000", now_ms)
        yield order_event(terms, "FILLED", now_ms, trade_id=number)


class Desk:
    """Orders, sockets and the venue behind."""

    def __init__(self, behind: str) -> None:
        self.behind = urlsplit(behind)
        self.orders: dict[int, dict[str, Any]] = {}
        self.by_client: dict[str, int] = {}
        self.trades: list[dict[str, Any]] = []
        self.private: set[Peer] = set()
        self.next_id = 10_000_000
        self.tasks: set[asyncio.Task[None]] = set()

    def place(self, terms: dict[str, str], *, told: bool = True) -> dict[str, Any]:
        """A resting order, told on the private sockets."""
        self.next_id += 1
        now_ms = time.time_ns() // 1_000_000
        order = {
            "orderId": self.next_id, "symbol": SYMBOL, "status": "NEW",
            "clientOrderId": terms.get("newClientOrderId") or f"x{self.next_id}",
            "price": terms.get("price", "0"), "avgPrice": "0.00", "executedQty": "0",
            "origQty": terms["quantity"], "cumQty": "0", "cumQuote": "0",
            "timeInForce": "GTC", "type": "LIMIT", "reduceOnly": False,
            "closePosition": False, "side": terms["side"], "positionSide": "BOTH",
            "stopPrice": "0", "workingType": "CONTRACT_PRICE", "priceProtect": False,
            "origType": "LIMIT", "priceMatch": "NONE", "goodTillDate": 0,
            "selfTradePreventionMode": "EXPIRE_MAKER", "updateTime": now_ms,
            "time": now_ms,
        }  # fmt: skip
        self.orders[self.next_id] = order
        self.by_client[order["clientOrderId"]] = self.next_id
        if told:
            self.tell(order_event(order, "NEW", now_ms))
        return order

    def fill(self, count: int) -> None:
        """Executions of all resting orders in turn, buys and sells of equal sum."""
        orders = list(self.orders.values())
        for number in range(count):
            order = orders[number % len(orders)]
            now_ms = time.time_ns() // 1_000_000
            order["side"] = "SELL" if order["orderId"] % 2 else "BUY"
            filled = float(order["executedQty"]) + 0.001
            order["executedQty"] = order["cumQty"] = f"{filled:.3f}"
            order["avgPrice"] = order["price"]
            order["status"], order["updateTime"] = "PARTIALLY_FILLED", now_ms
            self.trades.append(
                {
                    "symbol": SYMBOL, "id": len(self.trades) + 1, "qty": "0.001",
                    "orderId": order["orderId"], "side": order["side"],
                    "price": order["price"], "realizedPnl": "0", "quoteQty": "58",
                    "commission": "0", "commissionAsset": "USDT", "time": now_ms,
                    "positionSide": "BOTH", "buyer": order["side"] == "BUY",
                    "maker": True,
                }
            )  # fmt: skip

    def trades_asked(self, terms: dict[str, str]) -> list[dict[str, Any]]:
        """A page of executions."""
        most = int(terms.get("limit", 500))
        if "fromId" in terms:
            first = max(0, int(terms["fromId"]) - 1)
            return self.trades[first : first + most]
        since = int(terms["startTime"])
        first = bisect_left(self.trades, since, key=lambda trade: trade["time"])
        return self.trades[first : first + most]

    def find(self, terms: dict[str, str]) -> dict[str, Any] | None:
        """By either id."""
        name = terms.get("origClientOrderId", "")
        number = terms.get("orderId") or self.by_client.get(name) or 0
        return self.orders.get(int(number))

    def cancel(self, terms: dict[str, str]) -> dict[str, Any] | None:
        """The order, cancelled; None if there is none."""
        order = self.find(terms)
        if order is None:
            return None
        del self.orders[order["orderId"]]
        order["status"] = "CANCELED"
        order["updateTime"] = now_ms = time.time_ns() // 1_000_000
        self.tell(order_event(order, "CANCELED", now_ms))
        return order

    def tell(self, event: bytes) -> None:
        """To everybody who listens to the account."""
        for peer in self.private:
            peer.transport.write(text_frame(event))

    def answer(self, method: str, path: str, terms: dict[str, str]) -> tuple[int, Any]:
        """An order call, over either channel."""
        if path == "/fapi/v1/openOrders":
            return 200, list(self.orders.values())
        if method == "POST":
            return 200, self.place(terms)
        done = self.cancel(terms) if method == "DELETE" else self.find(terms)
        if done is None:
            return 400, {"code": -2011, "msg": "Unknown order sent."}
        return 200, done

    async def forward(self, head: bytes, body: bytes) -> bytes:
        """Ask the simulated venue; its answer as it came, limits lifted."""
        reader, writer = await asyncio.open_connection(
            self.behind.hostname, self.behind.port
        )
        kept = [
            line
            for line in head.split(b"\r\n")
            if not line.lower().startswith((b"connection:", b"accept-encoding:"))
        ]
        kept.insert(1, b"Connection: close")
        writer.write(b"\r\n".join(kept) + b"\r\n\r\n" + body)
        answer = await reader.read()
        writer.close()
        top, _, rest = answer.partition(b"\r\n\r\n")
        if b"/exchangeInfo" in head.split(b"\r\n")[0]:
            rules = json.loads(rest)
            for limit in rules["rateLimits"]:
                limit["limit"] = PLENTY
            rest = json.dumps(rules).encode()
        status = top.split(b" ")[1]
        return http_answer(int(status), rest)

    async def burst(self, count: int, rate: float) -> None:
        """Send *count* events to every private socket."""
        events = story(self.next_id)
        self.next_id += count
        if rate:
            began = time.perf_counter()
            for number in range(count):
                late = began + number / rate - time.perf_counter()
                if late > 0:
                    await asyncio.sleep(late)
                self.tell(next(events))
            return
        frames = [text_frame(next(events)) for _ in range(count)]
        for start in range(0, count, 256):
            data = b"".join(frames[start : start + 256])
            for peer in list(self.private):
                peer.transport.write(data)
                await peer.room.wait()


def http_answer(status: int, body: bytes) -> bytes:
    """A small answer that keeps the connection."""
    return (
        b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % (status, len(body))
    ) + body


class Peer(asyncio.Protocol):
    """One connection: HTTP until it asks to be a WebSocket."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.transport: Any = None
        self.room = asyncio.Event()
        self.room.set()
        self.buffer = b""
        self.socket: ServerProtocol | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.transport.set_write_buffer_limits(HIGH_WATER)

    def connection_lost(self, exc: Exception | None) -> None:
        self.desk.private.discard(self)
        self.room.set()

    def pause_writing(self) -> None:
        self.room.clear()

    def resume_writing(self) -> None:
        self.room.set()

    def data_received(self, data: bytes) -> None:
        if self.socket is not None:
            self._frames(data)
            return
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, rest = self.buffer.partition(b"\r\n\r\n")
            length = 0
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    length = int(line[15:])
            if len(rest) < length:
                return
            self.buffer = rest[length:]
            if b"\r\nupgrade: websocket" in head.lower():
                self._upgrade(head + b"\r\n\r\n")
                return
            self._request(head, rest[:length])

    def _request(self, head: bytes, body: bytes) -> None:
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        path, _, query = target.partition("?")
        terms = dict(parse_qsl(query))
        if path in ORDER_PATHS and (method, path) != ("DELETE", ORDER_PATHS[1]):
            terms.update(parse_qsl(body.decode()))
            status, answer = self.desk.answer(method, path, terms)
            data = json.dumps(answer, separators=(",", ":")).encode()
            self.transport.write(http_answer(status, data))
            return
        task = asyncio.ensure_future(self._slowly(path, terms, head, body))
        self.desk.tasks.add(task)
        task.add_done_callback(self.desk.tasks.discard)

    async def _slowly(
        self, path: str, terms: dict[str, str], head: bytes, body: bytes
    ) -> None:
        if path == "/bench/burst":
            await self.desk.burst(int(terms["count"]), float(terms.get("rate", 0)))
            self.transport.write(http_answer(200, b"{}"))
            return
        if path.startswith("/bench/"):
            self._bench(path, terms)
            self.transport.write(http_answer(200, b"{}"))
            return
        if path == "/fapi/v1/userTrades" and self.desk.trades:
            page = json.dumps(self.desk.trades_asked(terms), separators=(",", ":"))
            self.transport.write(http_answer(200, page.encode()))
            return
        self.transport.write(await self.desk.forward(head, body))

    def _bench(self, path: str, terms: dict[str, str]) -> None:
        count = int(terms.get("count", 0))
        if path == "/bench/orders":
            qty = terms.get("qty", "0.010")
            order = {"side": "BUY", "quantity": qty, "price": "58000.0"}
            for _ in range(count):
                self.desk.place(order, told=False)
        elif path == "/bench/fills":
            self.desk.fill(count)
        elif path == "/bench/drop":
            for peer in list(self.desk.private):
                peer.transport.abort()

    def _upgrade(self, head: bytes) -> None:
        self.socket = ServerProtocol(max_size=None)
        self.socket.receive_data(head)
        (asked,) = self.socket.events_received()
        assert isinstance(asked, Request)
        self.socket.send_response(self.socket.accept(asked))
        self._flush()
        if "ws-fapi" not in asked.path:
            self.desk.private.add(self)

    def _frames(self, data: bytes) -> None:
        assert self.socket is not None
        self.socket.receive_data(data)
        for event in self.socket.events_received():
            if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self.socket.send_text(self._call(json.loads(event.data)))
        self._flush()

    def _call(self, frame: dict[str, Any]) -> bytes:
        params = frame.get("params")
        given = (
            {k: str(v) for k, v in params.items()} if isinstance(params, dict) else {}
        )
        method = {"order.place": "POST", "order.cancel": "DELETE"}.get(frame["method"])
        status, result = 200, {}
        if method is not None:
            status, result = self.desk.answer(method, ORDER_PATHS[0], given)
        body: dict[str, Any] = {"id": frame.get("id"), "status": status}
        body["rateLimits"] = []  # the official SDK does not answer without
        body["result" if status == 200 else "error"] = result
        return json.dumps(body, separators=(",", ":")).encode()

    def _flush(self) -> None:
        assert self.socket is not None
        for data in self.socket.data_to_send():
            if data:
                self.transport.write(data)
            else:
                self.transport.close()


async def main() -> None:
    """Serve until stdin ends."""
    async with paper_server(VENUE, api_key=API_KEY, api_secret=API_SECRET) as behind:
        behind.control.apply("freeze", {"symbol": SYMBOL, "frozen": True})
        face: Any = behind.faces[0]
        face.state.limits.config = LimitConfig(weight_1m=PLENTY)
        desk = Desk(behind.urls["rest"])
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Peer(desk), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        places = {
            "rest": f"http://127.0.0.1:{port}",
            "stream": f"ws://127.0.0.1:{port}",
            "ws_api": f"ws://127.0.0.1:{port}/ws-fapi/v1",
            "public": behind.urls["public"],
            "api_key": API_KEY,
            "api_secret": API_SECRET,
        }
        print(json.dumps(places), flush=True)
        await loop.run_in_executor(None, sys.stdin.read)
        server.close()


if __name__ == "__main__":
    asyncio.run(main())
