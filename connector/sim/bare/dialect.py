"""A venue of a few lines: its constants, its scripts, its dialect.

Every request is an op with a context; answers and frames carry what they mean
(`Told`) instead of bytes that would have to be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NoReturn

from connector.dialect import (
    AccountView,
    Capability,
    DeadMan,
    DeadManKind,
    Endpoints,
    FillCursor,
    LinkScript,
    MarginNumbers,
    Part,
    ResendPolicy,
    Sequencing,
    VenueFacts,
)
from connector.dialect.facts import ControlFact, ControlKind, Fact
from connector.dialect.wire import (
    Call,
    Fail,
    FrameWire,
    HttpAnswer,
    HttpWire,
    Open,
    Ready,
    Reply,
    Request,
    ScriptFailure,
    Send,
    SigningKey,
    Step,
    Verdict,
)
from connector.model.account import MarginMode
from connector.model.clock import NS_PER_S
from connector.model.credentials import Secret
from connector.model.ids import ClientOrderId, Symbol
from connector.model.instrument import Instrument, InstrumentKind
from connector.model.limits import BucketSpec
from connector.model.noun import as_plain, replace
from connector.model.order import Order, OrderIntent, Terms

WINDOW_MS = 5_000
LAG_MS = 40_000
_KEEP_ALIVE_NS = 1800 * NS_PER_S

VENUE_FACTS = VenueFacts(
    name="tiny",
    capabilities=frozenset(Capability),
    resend=ResendPolicy.AFTER_PROOF,
    sequencing=Sequencing.TIME,
    ack_is_final=True,
    client_order_id_max=32,
    recv_window_ms=WINDOW_MS,
    lag_budget_ms=LAG_MS,
    rotate_after_s=23 * 3600,
    ping_interval_s=15.0,
    unfilled_retention_s=3 * 86_400,
    fill_retention_s=90 * 86_400,
    batch_place_max=5,
    batch_cancel_max=10,
    dead_man=DeadMan(kind=DeadManKind.SYMBOL_TIMER, min_ms=2_000, max_ms=600_000),
)

_CANCEL_ALL = Request(
    op="cancel_all", method="DELETE", path="/all", window_ms=WINDOW_MS
)


class Told(bytes):
    """What an answer or a frame means; empty as bytes."""

    what: Any

    @classmethod
    def of(cls, what: object) -> Told:
        """A wire that means *what*."""
        wire = cls()
        wire.what = what
        return wire


def instrument(symbol: Symbol, **given: Any) -> Instrument:
    """A perpetual with a tick of 0.1 and a step of 0.001."""
    base: dict[str, Any] = {
        "symbol": symbol,
        "kind": InstrumentKind.PERPETUAL,
        "base": symbol.removesuffix("USDT"),
        "quote": "USDT",
        "settle": "USDT",
        "tick_size": Decimal("0.1"),
        "qty_step": Decimal("0.001"),
        "min_qty": Decimal("0.001"),
        "max_qty": Decimal(1000),
        "market_max_qty": Decimal(100),
    }
    return Instrument(**{**base, **given})


class TinyScript:
    """Key by REST, login frame, subscription frame, ready."""

    def __init__(self) -> None:
        self.next_tick_ns: int | None = None

    def start(self, mono_ns: int) -> tuple[Step, ...]:
        """Ask for a key."""
        return (Call(request=Request(op="key", method="POST", path="/key")),)

    def on_reply(
        self, request: Request, reply: Reply, mono_ns: int
    ) -> tuple[Step, ...]:
        """A key opens the socket; a dead one begins anew."""
        if reply.is_key_error:
            return (Fail(failure=ScriptFailure.KEY_REFUSED, why=reply.text),)
        if reply.code == "dead":
            return (Fail(failure=ScriptFailure.NEW_KEY, why="the key is dead"),)
        if reply.verdict is not Verdict.OK:
            return (Fail(failure=ScriptFailure.RETRY, why=reply.text),)
        if request.op == "keep_alive":
            return ()
        return (Open(url=Secret("wss://tiny/private")),)

    def on_open(self, mono_ns: int) -> tuple[Step, ...]:
        """Sign in."""
        self.next_tick_ns = mono_ns + _KEEP_ALIVE_NS
        return (Send(text="login"),)

    def on_control(self, fact: ControlFact, mono_ns: int) -> tuple[Step, ...]:
        """Signed in: subscribe; subscribed: ready."""
        match fact.kind, fact.ref:
            case ControlKind.ACK, "login":
                return (Send(text="subscribe"),)
            case ControlKind.ACK, "subscribe":
                return (Ready(),)
            case ControlKind.REFUSED, _:
                return (Fail(failure=ScriptFailure.RETRY, why=fact.text),)
            case ControlKind.KEY_EXPIRED, _:
                return (Fail(failure=ScriptFailure.NEW_KEY, why="expired"),)
        return ()

    def on_tick(self, mono_ns: int) -> tuple[Step, ...]:
        """Keep the key alive."""
        self.next_tick_ns = mono_ns + _KEEP_ALIVE_NS
        return (Call(request=Request(op="keep_alive", method="PUT", path="/key")),)


class OpenScript:
    """Open is ready: marks and order entry."""

    def __init__(self, url: str) -> None:
        self.next_tick_ns: int | None = None
        self.url = url

    def start(self, mono_ns: int) -> tuple[Step, ...]:
        """Dial."""
        return (Open(url=Secret(self.url)),)

    def on_reply(
        self, request: Request, reply: Reply, mono_ns: int
    ) -> tuple[Step, ...]:
        """Nothing was asked."""
        return ()

    def on_open(self, mono_ns: int) -> tuple[Step, ...]:
        """Ready."""
        return (Ready(),)

    def on_control(self, fact: ControlFact, mono_ns: int) -> tuple[Step, ...]:
        """Nothing to say."""
        return ()

    def on_tick(self, mono_ns: int) -> tuple[Step, ...]:
        """Nothing to keep."""
        return ()


def ask(op: str, **context: str) -> Request:
    """A question; *context* says about what."""
    return Request(op=op, method="GET", path=f"/{op}", context=context)


class TinyDialect:
    """See the module; *facts* replace constants of the venue."""

    base_limits: tuple[BucketSpec, ...] = ()

    def __init__(self, **facts: Any) -> None:
        self.facts = replace(VENUE_FACTS, **facts)
        self.subscribed: list[Symbol] = []
        self.numbers: MarginNumbers | None = None

    def endpoints(self, environment: str) -> Endpoints | None:
        """It has none."""
        return None

    # commands

    def _command(self, op: str, order: Any, **context: str) -> Request:
        return Request(
            op=op,
            method="POST",
            path=f"/{op}",
            window_ms=WINDOW_MS,
            symbol=order.symbol,
            client_order_id=getattr(order, "client_order_id", None),
            context=context,
        )

    def place(
        self,
        intent: OrderIntent,
        client_order_id: ClientOrderId,
        instrument: Instrument,
    ) -> Request:
        """Its body is the intent."""
        request = self._command("place", intent)
        return replace(request, client_order_id=client_order_id, body=intent)

    def place_batch(
        self, orders: Sequence[tuple[OrderIntent, ClientOrderId, Instrument]]
    ) -> Request:
        """Its body are the intents with their names."""
        ids = " ".join(name for _, name, _ in orders)
        request = self._command("place_batch", orders[0][0], ids=ids)
        body = tuple((name, intent) for intent, name, _ in orders)
        return replace(request, body=body)

    def amend(self, order: Order, instrument: Instrument, terms: Terms) -> Request:
        """By client id."""
        told = {name: str(value) for name, value in as_plain(terms).items()}
        return self._command("amend", order, **told)

    def cancel(self, order: Order, instrument: Instrument | None) -> Request:
        """By client id."""
        return self._command("cancel", order)

    def cancel_batch(
        self, orders: Sequence[Order], instrument: Instrument | None
    ) -> Request:
        """By client ids."""
        ids = " ".join(o.client_order_id for o in orders)
        return self._command("cancel_batch", orders[0], ids=ids)

    def cancel_account(self, kind: InstrumentKind | None = None) -> tuple[Request, ...]:
        """One call for all of them."""
        if kind is not None:
            return ()
        return (replace(_CANCEL_ALL, symbol=None),)

    def cancel_all(self, symbol: Symbol) -> tuple[Request, ...]:
        """One call."""
        return (replace(_CANCEL_ALL, symbol=symbol),)

    def set_leverage(self, symbol: Symbol, leverage: int) -> Request:
        """Taken and ignored."""
        return ask("leverage", symbol=symbol, leverage=str(leverage))

    def set_margin_mode(self, symbol: Symbol | None, mode: MarginMode) -> Request:
        """Taken and ignored."""
        return ask("margin_mode", symbol=symbol or "", mode=mode.value)

    def set_hedge_mode(self, *, is_hedge: bool) -> Request:
        """Taken and ignored."""
        return ask("hedge_mode", is_hedge=str(is_hedge))

    def dead_man(self, symbol: Symbol | None, timeout_ms: int) -> Request:
        """A timer per instrument."""
        request = ask("dead_man", symbol=symbol or "", timeout_ms=str(timeout_ms))
        return replace(request, frame_method="dead_man")

    # questions

    def server_time(self) -> Request:
        """The clock."""
        return ask("time")

    def query_order(self, order: Order) -> tuple[Request, ...]:
        """By venue id if known; what waits for a trigger is asked apart."""
        context = {
            "symbol": order.symbol,
            "id": order.triggered_order_id or order.venue_order_id or "",
            "client": order.client_order_id,
        }
        question = ask("order", **context)
        if order.order_type.is_conditional:
            waiting = {**context, "id": order.venue_order_id or ""}
            return (ask("waiting_order", **waiting), question)
        return (question,)

    def query_fills(self, cursor: FillCursor, *, now_ms: int) -> tuple[Request, ...]:
        """By time."""
        return (ask("fills", symbol=cursor.symbol, since=str(cursor.since_ms)),)

    def query(
        self,
        part: Part,
        *,
        symbols: Sequence[Symbol],
        assets: Sequence[str] = (),
        since_ms: int,
        now_ms: int,
    ) -> tuple[Request, ...]:
        """One call for each part."""
        if part is Part.KEY_INFO:
            return ()
        return (ask(part.value, since=str(since_ms)),)

    # understanding

    def _heard(self, raw: bytes) -> Any:
        assert isinstance(raw, Told), "wires of this venue carry their meaning"
        return raw.what

    def read_answer(self, request: Request, answer: HttpAnswer) -> Reply:
        """As told."""
        reply: Reply = self._heard(answer.body)
        return reply

    def read_frame(self, raw: bytes) -> tuple[Fact, ...]:
        """As told."""
        facts: tuple[Fact, ...] = self._heard(raw)
        return facts

    def read_frame_reply(self, request: Request, raw: bytes) -> Reply:
        """As told."""
        reply: Reply = self._heard(raw)
        return reply

    # signing: core signs nothing

    def sign(
        self, request: Request, signer: SigningKey | None, base_url: str, venue_ms: int
    ) -> HttpWire:
        """Never asked."""
        _refuse()

    def sign_request_frame(
        self, request: Request, signer: SigningKey, frame_id: str, venue_ms: int
    ) -> FrameWire:
        """Never asked."""
        _refuse()

    def sign_frame(self, step: Send, signer: SigningKey, venue_ms: int) -> str:
        """Never asked."""
        _refuse()

    # conversations

    def private_script(self, endpoints: Endpoints) -> LinkScript:
        """The account."""
        return TinyScript()

    def second_script(self, endpoints: Endpoints) -> LinkScript | None:
        """Another stream, where *endpoints* have one."""
        return OpenScript(endpoints.second) if endpoints.second else None

    def public_script(
        self, endpoints: Endpoints, symbols: Sequence[Symbol]
    ) -> LinkScript:
        """Marks."""
        self.subscribed = list(symbols)
        return OpenScript("wss://tiny/public")

    def order_script(self, endpoints: Endpoints) -> LinkScript | None:
        """Order entry, where *endpoints* have it."""
        return OpenScript(endpoints.ws_api) if endpoints.ws_api else None

    def margin(self, view: AccountView) -> MarginNumbers | None:
        """As a test says; else not computed."""
        return self.numbers


def _refuse() -> NoReturn:
    raise AssertionError("core signs nothing")
