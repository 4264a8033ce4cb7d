"""A venue of a few lines: its dialect, its scripts, and its book of truth.

Answers and frames are made by the test as facts and pass the wire as short keys,
so that a scenario speaks of what happened and not of JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from connector.dialect import (
    AccountView,
    Capability,
    DeadMan,
    DeadManKind,
    Endpoints,
    FillCursor,
    MarginNumbers,
    Part,
    ResendPolicy,
    Sequencing,
    VenueFacts,
)
from connector.dialect.facts import (
    BalanceFact,
    ControlFact,
    ControlKind,
    Fact,
    FillFact,
    InstrumentFact,
    LedgerFact,
    MarkFact,
    OrderFact,
    PositionFact,
)
from connector.dialect.wire import (
    Call,
    Fail,
    HttpAnswer,
    Open,
    Ready,
    Reply,
    Request,
    ScriptFailure,
    Send,
    Step,
    Verdict,
)
from connector.errors import InvalidOrder
from connector.model.account import MarginMode
from connector.model.clock import NS_PER_MS, NS_PER_S
from connector.model.credentials import Secret
from connector.model.ids import ClientOrderId, Symbol
from connector.model.instrument import Instrument, InstrumentKind
from connector.model.noun import as_plain, replace
from connector.model.order import Order, OrderIntent, Terms

BTC = Symbol("BTCUSDT")
ETH = Symbol("ETHUSDT")
WINDOW_MS = 5_000
LAG_MS = 40_000
KEEP_ALIVE_NS = 1800 * NS_PER_S

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


def instrument(symbol: Symbol = BTC, **given: Any) -> Instrument:
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
        return (Call(request=Request(op="key", method="POST", path="/key")),)

    def on_reply(
        self, request: Request, reply: Reply, mono_ns: int
    ) -> tuple[Step, ...]:
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
        self.next_tick_ns = mono_ns + KEEP_ALIVE_NS
        return (Send(text="login"),)

    def on_control(self, fact: ControlFact, mono_ns: int) -> tuple[Step, ...]:
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
        self.next_tick_ns = mono_ns + KEEP_ALIVE_NS
        return (Call(request=Request(op="keep_alive", method="PUT", path="/key")),)


class OpenScript:
    """Open is ready: marks and order entry."""

    next_tick_ns: int | None = None

    def __init__(self, url: str) -> None:
        self.url = url

    def start(self, mono_ns: int) -> tuple[Step, ...]:
        return (Open(url=Secret(self.url)),)

    def on_reply(
        self, request: Request, reply: Reply, mono_ns: int
    ) -> tuple[Step, ...]:
        return ()

    def on_open(self, mono_ns: int) -> tuple[Step, ...]:
        return (Ready(),)

    def on_control(self, fact: ControlFact, mono_ns: int) -> tuple[Step, ...]:
        return ()

    def on_tick(self, mono_ns: int) -> tuple[Step, ...]:
        return ()


def ask(op: str, **context: str) -> Request:
    """A question; *context* says about what."""
    return Request(op=op, method="GET", path=f"/{op}", context=context)


class TinyDialect:
    """Every request is an op with a context; wires are keys of `said`."""

    base_limits = ()

    def __init__(self, **facts: Any) -> None:
        self.facts = replace(VENUE_FACTS, **facts)
        self.said: dict[bytes, Any] = {}
        self.subscribed: list[Symbol] = []
        self.numbers: MarginNumbers | None = None

    def say(self, what: Any) -> bytes:
        """Keep *what* under a key that goes over the wire."""
        key = b"%d" % len(self.said)
        self.said[key] = what
        return key

    def endpoints(self, environment: str) -> Endpoints | None:
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
        if intent.callback_rate is not None and intent.callback_rate > 20:
            raise InvalidOrder("callback_rate", intent.callback_rate, "at most 20")
        request = self._command("place", intent)
        return replace(request, client_order_id=client_order_id)

    def place_batch(
        self, orders: Sequence[tuple[OrderIntent, ClientOrderId, Instrument]]
    ) -> Request:
        ids = " ".join(name for _, name, _ in orders)
        return self._command("place_batch", orders[0][0], ids=ids)

    def amend(self, order: Order, instrument: Instrument, terms: Terms) -> Request:
        if terms.price is not None and terms.price > 90_000:
            raise InvalidOrder("price", terms.price, "at most 90000")
        told = {name: str(value) for name, value in as_plain(terms).items()}
        return self._command("amend", order, **told)

    def cancel(self, order: Order, instrument: Instrument | None) -> Request:
        return self._command("cancel", order)

    def cancel_batch(
        self, orders: Sequence[Order], instrument: Instrument | None
    ) -> Request:
        ids = " ".join(o.client_order_id for o in orders)
        return self._command("cancel_batch", orders[0], ids=ids)

    def cancel_account(self, kind: InstrumentKind | None = None) -> tuple[Request, ...]:
        if kind is not None:
            return ()
        return (
            Request(op="cancel_all", method="DELETE", path="/all", window_ms=WINDOW_MS),
        )

    def cancel_all(self, symbol: Symbol) -> tuple[Request, ...]:
        request = Request(
            op="cancel_all",
            method="DELETE",
            path="/all",
            window_ms=WINDOW_MS,
            symbol=symbol,
        )
        return (request,)

    def set_leverage(self, symbol: Symbol, leverage: int) -> Request:
        return ask("leverage", symbol=symbol, leverage=str(leverage))

    def set_margin_mode(self, symbol: Symbol, mode: MarginMode) -> Request:
        return ask("margin_mode", symbol=symbol, mode=mode.value)

    def set_hedge_mode(self, *, is_hedge: bool) -> Request:
        return ask("hedge_mode", is_hedge=str(is_hedge))

    def dead_man(self, symbol: Symbol | None, timeout_ms: int) -> Request:
        request = ask("dead_man", symbol=symbol or "", timeout_ms=str(timeout_ms))
        return replace(request, frame_method="dead_man")

    # questions

    def server_time(self) -> Request:
        return ask("time")

    def query_order(self, order: Order) -> tuple[Request, ...]:
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
        if part is Part.KEY_INFO:
            return ()
        return (ask(part.value, since=str(since_ms)),)

    # understanding

    def read_answer(self, request: Request, answer: HttpAnswer) -> Reply:
        reply: Reply = self.said[answer.body]
        return reply

    def read_frame(self, raw: bytes) -> tuple[Fact, ...]:
        facts: tuple[Fact, ...] = self.said[raw]
        return facts

    def read_frame_reply(self, request: Request, raw: bytes) -> Reply:
        reply: Reply = self.said[raw]
        return reply

    def sign(self, *args: Any) -> Any:
        raise AssertionError("core signs nothing")

    sign_request_frame = sign_frame = sign

    # conversations

    def private_script(self, endpoints: Endpoints) -> TinyScript:
        return TinyScript()

    def second_script(self, endpoints: Endpoints) -> OpenScript | None:
        return OpenScript(endpoints.second) if endpoints.second else None

    def public_script(
        self, endpoints: Endpoints, symbols: Sequence[Symbol]
    ) -> OpenScript:
        self.subscribed = list(symbols)
        return OpenScript("wss://tiny/public")

    def order_script(self, endpoints: Endpoints) -> OpenScript | None:
        return OpenScript(endpoints.ws_api) if endpoints.ws_api else None

    def margin(self, view: AccountView) -> MarginNumbers | None:
        return self.numbers


@dataclass
class Book:
    """What the venue knows, as its REST side tells it."""

    orders: dict[str, OrderFact] = field(default_factory=dict)
    fills: list[FillFact] = field(default_factory=list)
    positions: dict[tuple[Symbol, str], PositionFact] = field(default_factory=dict)
    balances: dict[str, BalanceFact] = field(default_factory=dict)
    ledger: list[LedgerFact] = field(default_factory=list)
    marks: list[MarkFact] = field(default_factory=list)
    instruments: list[Instrument] = field(default_factory=list)

    def answer(self, request: Request, now_ms: int) -> Reply:
        """The answer to a question."""
        context = request.context
        if request.op == "time":
            return Reply(verdict=Verdict.OK, server_ms=now_ms)
        if request.op == "order":
            return self._order(context, conditional=False)
        if request.op == "waiting_order":
            return self._order(context, conditional=True)
        facts: list[Fact] = []
        since_ns = int(context.get("since", "0")) * NS_PER_MS
        match request.op:
            case "open_orders":
                facts += [o for o in self.orders.values() if not o.status.is_terminal]
            case "fills":
                facts += [
                    f
                    for f in self.fills
                    if f.symbol == context["symbol"] and f.venue_ns >= since_ns
                ]
            case "positions":
                facts += [p for p in self.positions.values() if p.qty]
            case "balances":
                facts += self.balances.values()
            case "ledger":
                facts += [e for e in self.ledger if e.venue_ns >= since_ns]
            case "instruments":
                facts += [InstrumentFact(instrument=i) for i in self.instruments]
            case "marks":
                facts += self.marks
        return Reply(verdict=Verdict.OK, facts=tuple(facts))

    def _order(self, context: Any, *, conditional: bool) -> Reply:
        for fact in self.orders.values():
            if fact.symbol != context["symbol"] or fact.is_conditional != conditional:
                continue
            if context["id"]:
                found = fact.venue_order_id == context["id"]
            else:
                found = fact.client_order_id == context["client"]
            if found:
                return Reply(verdict=Verdict.OK, facts=(fact,))
        return Reply(verdict=Verdict.NOT_FOUND, code="-2013", text="no such order")
