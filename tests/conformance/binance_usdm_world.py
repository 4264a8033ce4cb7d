"""Client and venue of Binance USD-M in one process, without sockets."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from urllib.parse import urlsplit

from connector.dialect import Endpoints, LinkScript, Part
from connector.dialect.facts import (
    ControlFact,
    Fact,
    FrameReply,
    InstrumentFact,
    MarkFact,
    OrderFact,
)
from connector.dialect.wire import (
    Call,
    Fail,
    HttpAnswer,
    Open,
    Ready,
    Reply,
    Request,
    Send,
    Step,
    Verdict,
)
from connector.model.credentials import ApiKey, Credentials, Secret
from connector.model.ids import ClientOrderId, Symbol
from connector.model.instrument import Instrument
from connector.model.noun import replace
from connector.model.order import Order, OrderIntent, OrderType, PositionSide, Side
from connector.paper import faces
from connector.paper.engine import Engine
from connector.paper.faces.binance_usdm import ApiKey as VenueKey
from connector.paper.faces.binance_usdm import BinanceUsdm, FaceConfig
from connector.paper.faces.keys import verifier
from connector.venues.registry import dialect_for
from connector.venues.signing import make_signer

BTC = Symbol("BTCUSDT")
D = Decimal
T0 = 1_795_341_600_000
KEY = "k" * 64
PRIVATE, ORDERS = 1, 2  # our names of the two sockets
BASE = Endpoints(
    rest="http://venue",
    stream="ws://venue",
    public="ws://venue",
    ws_api="ws://venue/ws-fapi/v1",
)


@dataclass
class World:
    """A client and a venue, and what the stream has told so far."""

    seed: int = 0
    is_hedge: bool = False
    secret: str = "s" * 64
    now: int = T0
    facts: list[Fact] = field(default_factory=list)
    count: int = 0

    def __post_init__(self) -> None:
        self.dialect = dialect_for("binance-usdm")
        self.signer = make_signer(
            Credentials(api_key=ApiKey(KEY), secret=Secret(self.secret))
        )
        self.engine = Engine(seed=self.seed, now_ms=self.now)
        self.engine.open_account("main", {"USDT": D(5000)}, now_ms=self.now)
        # Strict like the live venue: an un-routed socket stays silent.
        self.face = BinanceUsdm(
            self.engine,
            (VenueKey(key=KEY, verifier=verifier(self.secret)),),
            config=FaceConfig(serves_unrouted=False),
        )
        self.converse(self.dialect.private_script(BASE), PRIVATE)

    def converse(self, script: LinkScript, socket_id: int) -> None:
        """Follow *script* until it is ready; it must not fail."""
        steps: list[Step] = list(script.start(0))
        while steps:
            match steps.pop(0):
                case Call(request=request):
                    steps += script.on_reply(request, self.call(request), 0)
                case Open(url=url):
                    parts = urlsplit(url.reveal())
                    call = faces.Call(
                        method="GET", target=f"{parts.path}?{parts.query}"
                    )
                    admitted = self.face.open_socket(socket_id, call, self.now)
                    assert isinstance(admitted, faces.Admission)
                    steps += script.on_open(0)
                case Send() as send:
                    text = send.text
                    if send.sign:
                        text = self.dialect.sign_frame(send, self.signer, self.now)
                    for fact in self.exchange(text, socket_id):
                        assert isinstance(fact, ControlFact)
                        steps += script.on_control(fact, 0)
                case Ready():
                    return
                case Fail() as fail:
                    raise AssertionError(fail)
        raise AssertionError("the script ended before it was ready")

    def exchange(self, text: str, socket_id: int) -> list[Fact]:
        """Send a frame; what the same socket answers."""
        self.face.text_received(socket_id, text, self.now)
        frames = [f for f in self.face.outbox if isinstance(f, faces.Frame)]
        answers = [f.text.encode() for f in frames if f.socket_id == socket_id]
        self.pass_time(0)
        return [fact for raw in answers for fact in self.dialect.read_frame(raw)]

    def call_by_frame(self, request: Request) -> Reply:
        """One command over the WebSocket API."""
        self.count += 1
        wire = self.dialect.sign_request_frame(
            request, self.signer, f"f{self.count}", self.now
        )
        (fact,) = self.exchange(wire.text, ORDERS)
        assert isinstance(fact, FrameReply)
        assert fact.frame_id == wire.frame_id
        return self.dialect.read_frame_reply(request, fact.raw)

    def call(self, request: Request) -> Reply:
        """One REST call; frames are read before the answer."""
        wire = self.dialect.sign(request, self.signer, BASE.rest, self.now)
        url = urlsplit(wire.url)
        reply = self.face.http(
            faces.Call(
                method=wire.method,
                target=f"{url.path}?{url.query}" if url.query else url.path,
                headers={name.lower(): value for name, value in wire.headers},
                body=wire.body,
            ),
            self.now,
        )
        self.pass_time(0)
        return self.dialect.read_answer(
            request,
            HttpAnswer(
                status=reply.status,
                headers={name.lower(): value for name, value in reply.headers},
                body=reply.body,
            ),
        )

    def pass_time(self, ms: int) -> None:
        """Let the venue live for *ms* and read what it pushes."""
        self.now += ms
        self.face.on_time(self.now)
        for item in self.face.outbox:
            if isinstance(item, faces.Frame) and item.socket_id == PRIVATE:
                self.facts += self.dialect.read_frame(item.text.encode())
        self.face.outbox.clear()

    def ask(self, part: Part) -> list[Fact]:
        """All facts of one part of a snapshot; the calls must succeed."""
        replies = [
            self.call(request)
            for request in self.dialect.query(
                part, symbols=[BTC], since_ms=T0 - 1000, now_ms=self.now
            )
        ]
        assert all(reply.verdict is Verdict.OK for reply in replies)
        return [fact for reply in replies for fact in reply.facts]

    def mark(self) -> Decimal:
        """The mark price now."""
        (fact,) = self.ask(Part.MARKS)
        assert isinstance(fact, MarkFact)
        return fact.mark_price

    def place(self, intent: OrderIntent) -> Reply:
        """A new order under a fresh id; in hedge mode buys open the long side,
        reduce-only ones close the other."""
        if self.is_hedge:
            opens = intent.side is Side.BUY
            is_long = opens is not intent.reduce_only
            side = PositionSide.LONG if is_long else PositionSide.SHORT
            intent = replace(intent, position_side=side)
        self.count += 1
        name = ClientOrderId(f"cx{self.count}")
        return self.call(self.dialect.place(intent, name, rules()))

    def orders(self) -> dict[tuple[str, bool], OrderFact]:
        """The newest state of every order the stream told, by id and store."""
        newest: dict[tuple[str, bool], OrderFact] = {}
        for fact in self.facts:
            if not isinstance(fact, OrderFact):
                continue
            key = (fact.venue_order_id or "", fact.is_conditional)
            held = newest.get(key)
            if held is None or rank(fact) >= rank(held):
                newest[key] = fact
        return newest


def rank(fact: OrderFact) -> tuple[bool, Decimal, int]:
    return fact.status.is_terminal, fact.filled_qty or D(0), fact.venue_ns


@cache
def rules() -> Instrument:
    """The instrument that everything is about."""
    return next(
        fact.instrument
        for fact in World().ask(Part.INSTRUMENTS)
        if isinstance(fact, InstrumentFact) and fact.instrument.symbol == BTC
    )


def known(fact: OrderFact) -> Order:
    """The order that *fact* speaks of, as core would remember it."""
    assert fact.side is not None
    assert fact.client_order_id is not None
    return Order(
        client_order_id=fact.client_order_id,
        venue_order_id=fact.venue_order_id,
        symbol=fact.symbol,
        side=fact.side,
        order_type=fact.order_type or OrderType.LIMIT,
        status=fact.status,
        qty=fact.qty,
        price=fact.price,
        filled_qty=fact.filled_qty or D(0),
        position_side=fact.position_side or PositionSide.NET,
        reduce_only=bool(fact.reduce_only),
        close_position=bool(fact.close_position),
        triggered_order_id=fact.triggered_order_id,
    )
