"""Tests of connector.runtime.log: the nets hold, and nothing else is touched."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import websockets.asyncio.client
import websockets.asyncio.server
from hypothesis import given
from hypothesis import strategies as st

from connector.model.credentials import HIDDEN, ApiKey, Secret
from connector.runtime import log
from connector.runtime.log import Redactor, WireGuard, redact
from tests.secrets.canary import Canary

CANARY = "canary5ecret7f3a9b1c"
LISTEN_KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1h\n-----END PRIVATE KEY-----"


@pytest.fixture
def redactor() -> Iterator[Redactor]:
    yield log.install()
    log.uninstall()


NAMES = [
    *("signature", "sign", "sig", "apiKey", "api_key", "listenKey", "passphrase"),
    *("password", "secret", "client_secret", "secretKey", "access_token", "token"),
    *("refresh_token", "Authorization", "Cookie", "Set-Cookie", "X-MBX-APIKEY"),
    *("X-BAPI-API-KEY", "X-BAPI-SIGN", "OK-ACCESS-KEY", "OK-ACCESS-SIGN"),
    *("OK-ACCESS-PASSPHRASE", "privateKey"),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "form",
    [
        "https://host/path?a=1&{name}={value}&b=2",
        "{name}={value}",
        '{{"{name}":"{value}","b":"2"}}',
        '{{"b": 2, "{name}": "{value}',
        "{{'{name}': '{value}', 'b': 2}}",
        "[(b'{name}', b'{value}'), (b'b', b'2')]",
        '"{{\\"{name}\\":\\"{value}\\"}}"',
        "> {name}: {value}",
        "a: 1\r\n{name}: Bearer {value}\r\nb: 2\r\n",
    ],
)
def test_sensitive_values_are_hidden(name: str, form: str) -> None:
    """Each name in each form a library may print it in."""
    for spelled in (name, name.lower(), name.upper()):
        for value in (CANARY, f"{CANARY}-_.~x", quote(f"{CANARY}+/=", safe="")):
            text = form.format(name=spelled, value=value)
            cleaned = redact(text)
            assert CANARY not in cleaned
            assert HIDDEN in cleaned


@pytest.mark.parametrize(
    "text",
    [
        f"{PEM} and more",
        PEM[:40],
        PEM.replace("\n", "\\n"),
        f"wss://host/private/ws/{LISTEN_KEY}",
        f"wss://host/stream?listenKey={LISTEN_KEY}&events=A",
        f"LocalProtocolError(\"Illegal header value b'{CANARY}\\n'\")",
    ],
)
def test_keys_without_a_name_are_hidden(text: str) -> None:
    """PEM blocks, keys in paths, headers that h11 refused."""
    cleaned = redact(text)
    for part in (LISTEN_KEY, CANARY, "MC4C"):
        assert part not in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "https://host/fapi/v1/order?symbol=BTCUSDT&side=BUY&timestamp=1591702613943",
        "designed=1 assigned: yes monkey=banana keystore: fine",
        "stream.gap venue=binance gap_ms=120",
        '{"orderId":12345678901234567,"status":"NEW"}',
        "token expires in 5 s, 12 tokens left",
    ],
)
def test_harmless_texts_stay(text: str) -> None:
    """The net has holes of the right size."""
    assert redact(text) == text


@given(st.text(max_size=200))
def test_any_text_is_survived(text: str) -> None:
    """No input breaks the net, and a second pass changes nothing."""
    once = redact(text)
    assert redact(once) == once


def record(message: str, *args: Any, **extra: Any) -> logging.LogRecord:
    logger = logging.getLogger("test")
    return logger.makeRecord("test", 10, "file", 1, message, args, None, extra=extra)


def test_clean_records_are_left_alone() -> None:
    """Structured handlers still get message and arguments apart."""
    made = record("stream.gap %s", "binance", gap_ms=5, key=ApiKey("a" * 20))
    before = dict(vars(made))
    assert Redactor().filter(made)
    assert before == vars(made)


def test_extra_fields_are_cleaned() -> None:
    """Fields with a sensitive name or content are hidden, ApiKeys shown as prints."""
    made = record(
        "x", signature=CANARY, url=f"/x?sign={CANARY}", body={"apiKey": CANARY}
    )
    Redactor().filter(made)
    Canary(CANARY).assert_text_clean(repr(vars(made)), "the record")


def test_exceptions_and_stacks_are_cleaned() -> None:
    """What a handler would print of them is cleaned as well."""
    made = record("failed")
    try:
        raise ValueError(f"GET /x?signature={CANARY}")
    except ValueError as exc:
        made.exc_info = (ValueError, exc, exc.__traceback__)
    made.stack_info = f"apiKey={CANARY}"
    Redactor().filter(made)
    text = logging.Formatter().format(made)
    assert "ValueError: GET /x?signature=" in text
    Canary(CANARY).assert_text_clean(text, "the record")


def test_wrong_arguments_do_not_break_the_net() -> None:
    """logging would print message and arguments to stderr."""
    made = record("%s %s", CANARY)
    Redactor().filter(made)
    Canary(CANARY).assert_text_clean(repr(vars(made)), "the record")


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError(CANARY)


def test_a_filter_never_raises() -> None:
    """Law 11: a field that cannot be shown does not stop the line that logged it."""
    made = record("x", thing=Unprintable(), signature=CANARY)
    assert Redactor().filter(made)
    assert made.getMessage() == "record emptied: RuntimeError while cleaning it"
    Canary(CANARY).assert_text_clean(repr(vars(made)), "the record")


def test_watched_values_are_hidden_wherever_they_are() -> None:
    """Values without a telling name can be announced; the newest 256 are kept."""
    redactor = Redactor()
    redactor.watch([Secret(CANARY), Secret(CANARY)])
    assert redactor.redact(f"order {CANARY} done") == f"order {HIDDEN} done"
    redactor.watch(Secret(f"value-{number:04}") for number in range(256))
    assert redactor.redact(CANARY) == CANARY
    assert redactor.redact("value-0255") == HIDDEN
    assert len(redactor._watched) == 256


def test_install_is_quiet_and_reversible(redactor: Redactor) -> None:
    """No level set, no printing handler, no other logger; twice is once."""
    root = logging.getLogger()
    others = logging.getLogger("somebody.else")
    names = (*log.OWN_LOGGERS, *log.FOREIGN_LOGGERS)
    levels = {name: logging.getLogger(name).level for name in names}
    assert log.install() is redactor
    assert redactor not in root.filters
    assert redactor not in others.filters
    for name in (*log.OWN_LOGGERS, *log.FOREIGN_LOGGERS):
        logger = logging.getLogger(name)
        assert logger.filters.count(redactor) == 1
        assert logger.level == levels[name]
        assert all(isinstance(h, logging.NullHandler) for h in logger.handlers)
    assert logging.getLogger("connector.runtime").handlers
    log.uninstall()
    for name in (*log.OWN_LOGGERS, *log.FOREIGN_LOGGERS):
        assert not logging.getLogger(name).filters
        assert log._silence not in logging.getLogger(name).handlers


def test_our_loggers_are_under_the_net(redactor: Redactor) -> None:
    """A slip of our own is caught whatever handler the user has."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("connector.session")
    logger.addHandler(handler)
    logger.warning("slip signature=%s", CANARY)
    logger.removeHandler(handler)
    assert stream.getvalue() == f"slip signature={HIDDEN}\n"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One HTTP answer with a cookie that is nobody's business."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n"
        + f"Set-Cookie: session={CANARY}\r\n\r\n".encode()
        + b"{}"
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def signed_request() -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.get(
                f"http://127.0.0.1:{port}/fapi/v1/order",
                params={"symbol": "BTCUSDT", "signature": CANARY},
                headers={"X-MBX-APIKEY": CANARY, "Authorization": f"Bearer {CANARY}"},
            )


def test_httpx_and_httpcore_tell_nothing(redactor: Redactor) -> None:
    """A signed URL, key headers and cookies of a real request are not logged."""
    canary = Canary(CANARY)
    with canary.logs() as seen:
        asyncio.run(signed_request())
    assert {"httpx", "httpcore.connection", "httpcore.http11"} <= seen.names
    assert "symbol=BTCUSDT" in seen.text
    seen.assert_clean()


def test_without_the_net_httpx_would_tell() -> None:
    """The premise of this module, and of the test above."""
    with Canary(CANARY).logs() as seen:
        asyncio.run(signed_request())
    lines = [line for line in seen.text.splitlines() if CANARY in line]
    assert any(line.startswith("HTTP Request: GET") for line in lines)
    assert any(line.startswith("receive_response_headers") for line in lines)


async def signed_stream() -> None:
    async def echo(connection: websockets.asyncio.server.ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    logon = json.dumps(
        {"id": "1", "method": "session.logon", "params": {"x": "y" * 20, "a": CANARY}}
    )
    async with websockets.asyncio.server.serve(echo, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with websockets.asyncio.client.connect(
            f"ws://127.0.0.1:{port}/ws/{LISTEN_KEY}?listenKey={CANARY}",
            additional_headers={"X-Something-Private": CANARY, "X-MBX-APIKEY": CANARY},
            proxy=None,
        ) as connection:
            await connection.send(logon)
            await connection.recv()
            await connection.send(CANARY.encode())
            await connection.recv()


def test_websockets_tells_nothing(redactor: Redactor) -> None:
    """Request line, headers and frames of a real connection are not logged."""
    canary = Canary(CANARY, LISTEN_KEY)
    with canary.logs() as seen:
        asyncio.run(signed_stream())
    assert {"websockets.client", "websockets.server"} <= seen.names
    assert "TEXT [" in seen.text
    assert "Upgrade: websocket" in seen.text
    seen.assert_clean()


def test_without_the_net_websockets_would_tell() -> None:
    """The premise of the test above."""
    with Canary(CANARY).logs() as seen:
        asyncio.run(signed_stream())
    with pytest.raises(AssertionError, match="websockets"):
        seen.assert_clean()


def test_the_wire_guard_lets_all_else_pass() -> None:
    """Records without frames or headers are unchanged."""
    made = record("connection open %s", "x")
    before = dict(vars(made))
    assert WireGuard().filter(made)
    assert before == vars(made)
