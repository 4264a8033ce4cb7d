"""Tests of connector.runtime.http: what leaves, and how answers arrive."""

from __future__ import annotations

import asyncio
import gzip
import logging
import ssl
import zlib

import httpx
import pytest
import respx
from raw_http import (
    CANARY,
    Connection,
    answer,
    answering,
    channel_to,
    failing,
    hangs,
    post,
    run,
    says,
    shown,
    until,
    venue,
)

from connector.errors import ConfigError, MaybeSent, NetworkError, NotSent
from connector.runtime.httpx_bridge import HttpTransport
from connector.runtime.tls import verified_context

# What leaves


ODD = "/v1/a%2Fb//../c;d/Ä?q='[]{}|^`\"<>()*!~&x=%zz&r=%2f%2F+&&=&signature=a+/=="


def test_bytes_on_the_wire_are_the_signed_bytes() -> None:
    """The target and the body are not touched; headers as given, plus framing."""
    target = ODD.replace("Ä", "%C3%84")

    async def main() -> None:
        async with venue(answering) as served, channel_to(served.url) as channel:
            body = bytes(range(256))
            wire = post(
                served.url,
                target,
                method="PUT",
                headers=(("X-MBX-APIKEY", "aB+/="), ("Content-Type", "text/x")),
                body=body,
            )
            answer = await channel.send(wire, timeout_s=5)
            assert (answer.status, answer.body) == (200, b"{}")
            host = served.url.removeprefix("http://")
            expected = (
                f"PUT {target} HTTP/1.1\r\nHost: {host}\r\nX-MBX-APIKEY: aB+/=\r\n"
                "Content-Type: text/x\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n"
                "User-Agent: connector\r\nContent-Length: 256\r\n\r\n"
            ).encode() + body
            assert served.requests == [expected]

    run(main())


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [("GET", b"", None), ("DELETE", b"", None), ("POST", b"", "0"), ("GET", b"x", "1")],
)
def test_the_length_of_the_body_is_told(
    method: str, body: bytes, length: str | None
) -> None:
    """A POST without a body says so; a GET without one says nothing."""

    async def main() -> None:
        async with venue(answering) as served, channel_to(served.url) as channel:
            await channel.send(post(served.url, method=method, body=body), timeout_s=5)
            head = served.requests[0].decode().lower()
            assert ("content-length" in head) == (length is not None)
            if length is not None:
                assert f"content-length: {length}\r\n" in head

    run(main())


def test_one_connection_serves_many_requests() -> None:
    """HTTP/1.1 keep-alive, and `warm` opens it beforehand, asking nothing."""

    async def main() -> None:
        async with venue(answering) as served, channel_to(served.url) as channel:
            await channel.warm(f"{served.url}/ping")
            await until(lambda: served.connections == 1)
            for _ in range(5):
                await channel.send(post(served.url), timeout_s=5)
            assert served.connections == 1
            assert len(served.requests) == 5

    run(main())


def test_other_hosts_are_refused_before_anything_is_sent() -> None:
    """Law 10; the query is not shown."""

    async def main() -> None:
        async with venue(answering) as served, channel_to(served.url) as channel:
            wire = post(served.url.replace("127.0.0.1", "127.0.0.2"))
            with pytest.raises(ConfigError) as caught:
                await channel.send(wire, timeout_s=5)
            assert CANARY not in shown(caught.value)
            assert served.connections == 0

    run(main())


def test_the_environment_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, no .netrc."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)

    async def main() -> None:
        async with venue(answering) as served, channel_to(served.url) as channel:
            assert (await channel.send(post(served.url), timeout_s=5)).status == 200
            assert b"uthorization" not in served.requests[0]

    run(main())


def test_redirects_and_cookies_are_left_alone() -> None:
    """A 302 is an answer; a cookie is not sent back."""

    async def talk(connection: Connection) -> None:
        while True:
            await connection.request()
            connection.writer.write(
                b"HTTP/1.1 302 Found\r\nLocation: /else\r\nSet-Cookie: a=1\r\n"
                b"set-cookie: b=2\r\nContent-Length: 0\r\n\r\n"
            )

    async def main() -> None:
        async with venue(talk) as served, channel_to(served.url) as channel:
            for _ in range(2):
                answer = await channel.send(post(served.url), timeout_s=5)
            assert answer.status == 302
            assert answer.headers["set-cookie"] == "a=1, b=2"
            assert len(served.requests) == 2
            assert b"ookie" not in served.requests[1]

    run(main())


def test_nothing_of_a_request_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Law 9, with every logger at DEBUG."""
    caplog.set_level(logging.DEBUG)

    async def main() -> None:
        async with venue(answering) as served, channel_to(served.url) as channel:
            await channel.send(post(served.url), timeout_s=5)

    run(main())
    assert CANARY not in caplog.text


# Answers


BODY = b'{"price":"60000.10"}' * 100
ENCODED = {
    "gzip": answer(gzip.compress(BODY), "Content-Encoding: gzip"),
    "gzip in two members": answer(
        gzip.compress(BODY[:7]) + gzip.compress(BODY[7:]), "content-encoding: GZIP"
    ),
    "deflate": answer(zlib.compress(BODY), "Content-Encoding: deflate"),
    "identity": answer(BODY, "Content-Encoding: identity"),
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"".join(b"1\r\n%c\r\n" % byte for byte in BODY)
    + b"0\r\n\r\n",
    "after interim answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 10 + answer(BODY),
    "until the end": b"HTTP/1.1 200 OK\r\n\r\n" + BODY,
}


@pytest.mark.parametrize("data", ENCODED.values(), ids=ENCODED)
def test_bodies_arrive_decoded(data: bytes) -> None:
    """Whatever the framing and the encoding."""

    async def main() -> None:
        async with venue(says(data)) as served, channel_to(served.url) as channel:
            assert (await channel.send(post(served.url), timeout_s=5)).body == BODY

    run(main())


def test_an_empty_answer_with_an_encoding_is_empty() -> None:
    """204 and the like carry no gzip trailer."""

    async def main() -> None:
        data = answer(b"", "Content-Encoding: gzip")
        async with venue(says(data)) as served, channel_to(served.url) as channel:
            assert (await channel.send(post(served.url), timeout_s=5)).body == b""

    run(main())


@pytest.mark.parametrize("status", [200, 400, 418, 429, 500, 503, 599])
def test_every_status_is_an_answer(status: int) -> None:
    """What a status means is the dialect's business; header names are lower-case."""

    async def main() -> None:
        with respx.MockRouter(assert_all_called=True) as router:
            route = router.post("https://venue.example/order").respond(
                status, headers={"X-MBX-Used-Weight-1M": "7"}, content=b"[]"
            )
            async with channel_to(
                "https://venue.example",
                transport=httpx.MockTransport(router.async_handler),
            ) as channel:
                wire = post("https://venue.example", "/order?a=1")
                answer = await channel.send(wire, timeout_s=5)
                assert (answer.status, answer.body) == (status, b"[]")
                assert answer.headers["x-mbx-used-weight-1m"] == "7"
                assert route.calls.last.request.content == wire.body

    run(main())


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (httpx.ConnectError, NotSent),
        (httpx.ConnectTimeout, NotSent),
        (httpx.PoolTimeout, NotSent),
        (httpx.WriteError, MaybeSent),
        (httpx.WriteTimeout, MaybeSent),
        (httpx.ReadError, MaybeSent),
        (httpx.ReadTimeout, MaybeSent),
        (httpx.RemoteProtocolError, MaybeSent),
        (httpx.LocalProtocolError, MaybeSent),
        (OSError, MaybeSent),
        (ssl.SSLError, MaybeSent),
        (RuntimeError, MaybeSent),
    ],
)
def test_a_transport_that_announces_nothing_is_not_believed(
    raised: type[Exception], expected: type[NetworkError]
) -> None:
    """Only failures to connect are certain; no foreign exception comes out."""

    async def main() -> None:
        with respx.MockRouter() as router:
            router.post("https://venue.example/order").mock(side_effect=raised(CANARY))
            async with channel_to(
                "https://venue.example",
                transport=httpx.MockTransport(router.async_handler),
            ) as channel:
                wire = post("https://venue.example")
                exc, _ = await failing(channel, wire)
                assert type(exc) is expected
                assert exc.__cause__ is None
                assert exc.__context__ is None

    run(main())


def test_closing_fails_what_is_under_way() -> None:
    """No request outlives its channel."""

    async def main() -> None:
        async with venue(hangs) as served, channel_to(served.url) as channel:
            task = asyncio.create_task(failing(channel, post(served.url)))
            await until(lambda: bool(served.requests))
            await channel.close()
            exc, announced = await task
            assert (type(exc), announced) == (MaybeSent, True)

    run(main())


def test_our_transport_serves_httpx_and_its_mocks() -> None:
    """`HttpTransport` under httpx's own client, and respx in front of it."""

    def transport() -> HttpTransport:
        return HttpTransport(
            tls=verified_context(),
            max_connections=2,
            max_body_bytes=1000,
            keepalive_s=1,
        )

    async def main() -> None:
        async with venue(answering) as served:
            async with httpx.AsyncClient(transport=transport()) as client:
                answer = await client.post(f"{served.url}/a?b=c", content=b"d")
                assert answer.json() == {}
                assert served.requests[0].startswith(b"POST /a?b=c HTTP/1.1\r\n")
                with respx.mock(using="httpx") as router:
                    router.get("https://venue.example/").respond(418)
                    assert (
                        await client.get("https://venue.example/")
                    ).status_code == 418
            async with httpx.AsyncClient(transport=transport()) as client:
                with pytest.raises(httpx.ConnectError):
                    await client.get("http://127.0.0.1:1/")
        assert len(served.requests) == 1

    run(main())
