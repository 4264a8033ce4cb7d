"""Tests of connector.runtime.http_pool: kept, stale and interrupted connections."""

from __future__ import annotations

import asyncio
import gc
import select
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from raw_http import (
    CANARY,
    OK,
    Connection,
    Venue,
    answering,
    channel_to,
    failing,
    post,
    run,
    shown,
    tls_server,
    until,
    venue,
)

from connector.errors import MaybeSent, NotSent
from connector.runtime.hosts import AllowList
from connector.runtime.http import HttpChannel
from connector.runtime.http_connection import HttpConnection
from connector.sim.world import World, run_world

# Stale connections


def test_a_connection_closed_while_idle_is_replaced() -> None:
    """The close is known before anything is written: no failure, sent once."""

    async def talk(connection: Connection) -> None:
        await connection.request()
        connection.writer.write(OK)
        await connection.writer.drain()
        connection.writer.close()

    async def main() -> None:
        async with venue(talk) as served, channel_to(served.url) as channel:
            for n in range(3):
                await channel.send(post(served.url, f"/{n}"), timeout_s=5)
                await asyncio.sleep(0.02)
            assert served.connections == 3
            assert len(served.requests) == 3

    run(main())


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_a_connection_that_dies_under_a_request_is_not_retried(method: str) -> None:
    """The server reads the next request on a kept connection and hangs up: MaybeSent,
    and the request arrives once, whatever its method."""

    async def talk(connection: Connection) -> None:
        await connection.request()
        connection.writer.write(OK)
        await connection.request()
        connection.reset()

    async def main() -> None:
        async with venue(talk) as served, channel_to(served.url) as channel:
            await channel.send(post(served.url, "/first"), timeout_s=5)
            wire = post(served.url, "/second", method=method)
            exc, announced = await failing(channel, wire)
            assert (type(exc), announced) == (MaybeSent, True)
            await asyncio.sleep(0.02)
            assert served.connections == 1
            assert len(served.requests) == 2
            # The next one gets a fresh connection.
            await channel.send(post(served.url, "/third"), timeout_s=5)
            assert served.connections == 2

    run(main())


def test_a_close_that_waits_in_the_socket_is_seen_before_writing() -> None:
    """The server's goodbye has arrived, the loop has not read it: another connection
    is taken, and the request is neither in doubt nor sent twice."""
    requests: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        for _ in range(2):
            peer, _ = listener.accept()
            with peer:
                requests.append(peer.recv(65536))
                peer.sendall(OK)

    async def main(listener: socket.socket) -> None:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with channel_to(url) as channel:
            await channel.send(post(url, "/first"), timeout_s=5)
            (kept,) = channel._pool._origin_of
            # Blocks the loop: nothing but the socket can know of the end.
            assert select.select([kept.fileno()], [], [], 5)[0]
            assert kept.is_open
            await channel.send(post(url, "/second"), timeout_s=5)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=[listener])
        server.start()
        run(main(listener))
        server.join()
    assert [b"/first" in requests[0], b"/second" in requests[1]] == [True, True]


def in_a_world(main: Callable[[World], Any]) -> Any:
    """Run *main* in virtual time, its network 5 ms wide; nothing may be left."""
    result = run_world(main, 1)
    value = result.unwrap()
    assert result.errors == ()
    assert result.left_open == 0
    return value


def test_a_close_on_its_way_here_is_in_doubt_and_not_repeated() -> None:
    """Nobody can tell whether the server read what was written before its close came:
    MaybeSent, although it was not read, and no second try."""

    async def main(_: World) -> None:
        hung_up = asyncio.Event()

        async def talk(connection: Connection) -> None:
            await connection.request()
            connection.writer.write(OK)
            await asyncio.sleep(10)
            connection.reset()
            hung_up.set()

        async with venue(talk) as served, channel_to(served.url) as channel:
            await channel.send(post(served.url, "/first"), timeout_s=5)
            await hung_up.wait()
            exc, announced = await failing(channel, post(served.url, "/second"))
            assert (type(exc), announced) == (MaybeSent, True)
            assert (served.connections, len(served.requests)) == (1, 1)

    in_a_world(main)


@pytest.mark.parametrize(
    ("told", "waits_s", "connections"),
    [("timeout=5, max=100", 3.9, 1), ("timeout=5", 4.1, 2), ("max=100", 29.0, 1),
     ("max=100", 31.0, 2), ("timeout=600", 31.0, 2), ("timeout=0", 0.0, 2)],
)  # fmt: skip
def test_idle_connections_are_left_before_the_venue_leaves(
    told: str, waits_s: float, connections: int
) -> None:
    """A second before the time the venue announced, and after our own bound."""

    async def talk(connection: Connection) -> None:
        while True:
            await connection.request()
            head = f"HTTP/1.1 200 OK\r\nKeep-Alive: {told}\r\nContent-Length: 0"
            connection.writer.write(f"{head}\r\n\r\n".encode())

    async def main(_: World) -> None:
        async with venue(talk) as served, channel_to(served.url) as channel:
            for _ in range(2):
                await channel.send(post(served.url), timeout_s=5)
                await asyncio.sleep(waits_s)
            assert served.connections == connections

    in_a_world(main)


STRANGE = {
    "asked to close": b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
    b"Content-Length: 0\r\n\r\n",
    "old HTTP": b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a second answer": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" * 2,
    "left over bytes": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nx",
}


@pytest.mark.parametrize("data", STRANGE.values(), ids=STRANGE)
def test_a_connection_in_doubt_is_not_used_again(data: bytes) -> None:
    """What follows an answer must never be taken for the next one."""

    async def talk(connection: Connection) -> None:
        await connection.request()
        connection.writer.write(data)
        await connection.request()

    async def main(_: World) -> None:
        async with venue(talk) as served, channel_to(served.url) as channel:
            for _ in range(3):
                answer = await channel.send(post(served.url), timeout_s=5)
                assert (answer.status, answer.body) == (200, b"")
            assert served.connections == 3

    in_a_world(main)


def test_bytes_nobody_asked_for_end_a_connection() -> None:
    """A late or forged answer on an idle connection belongs to no request."""

    async def talk(connection: Connection) -> None:
        await connection.request()
        connection.writer.write(OK)
        await asyncio.sleep(1)
        connection.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad")
        await connection.request()

    async def main(_: World) -> None:
        async with venue(talk) as served, channel_to(served.url) as channel:
            for _ in range(2):
                answer = await channel.send(post(served.url), timeout_s=5)
                assert answer.body == b"{}"
                await asyncio.sleep(2)
            assert served.connections == 2

    in_a_world(main)


# Slots


def test_who_waits_longest_is_served_first() -> None:
    """One connection, ten requests: they leave in the order they were asked for."""

    async def main(_: World) -> None:
        async with (
            venue(answering) as served,
            channel_to(served.url, max_connections=1) as channel,
        ):
            sent = [
                channel.send(post(served.url, f"/{n}"), timeout_s=9) for n in range(9)
            ]
            await asyncio.gather(*sent)
            order = [int(r.split(b" ")[1][1:]) for r in served.requests]
            assert order == list(range(9))
            assert served.connections == 1

    in_a_world(main)


def test_a_slot_handed_to_somebody_who_gave_up_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The one in line is cancelled in the turn in which it is given the connection:
    the next in line gets it."""

    async def main(_: World) -> None:
        async with (
            venue(answering) as served,
            channel_to(served.url, max_connections=1) as channel,
        ):
            pool = channel._pool
            first = asyncio.create_task(channel.send(post(served.url), timeout_s=5))
            waiting = [
                asyncio.create_task(channel.send(post(served.url), timeout_s=5))
                for _ in range(3)
            ]
            give_back = pool._give_back

            def give_back_and_cancel(connection: HttpConnection | None) -> None:
                give_back(connection)
                waiting[0].cancel()

            monkeypatch.setattr(pool, "_give_back", give_back_and_cancel)
            with pytest.raises(asyncio.CancelledError):
                await waiting[0]
            for task in (first, *waiting[1:]):
                assert (await task).status == 200
            assert (pool._slots, len(served.requests)) == (1, 3)

    in_a_world(main)


def test_an_idle_connection_elsewhere_makes_room() -> None:
    """Two hosts share the slots; neither locks the other out, waiting or not."""

    async def main(_: World) -> None:
        async with venue(answering) as one, venue(answering) as two:
            channel = HttpChannel(
                AllowList([one.url, two.url]),
                connect_timeout_s=5,
                read_timeout_s=5,
                max_connections=1,
            )
            for served in (one, two, one):
                await channel.send(post(served.url), timeout_s=5)
            both = [
                channel.send(post(v.url), timeout_s=5) for v in (one, two, two, one)
            ]
            await asyncio.gather(*both)
            assert (len(one.requests), len(two.requests)) == (4, 3)
            assert channel._pool._slots == 1
            await channel.close()

    in_a_world(main)


def test_warm_connections_are_counted_and_shared() -> None:
    """Three are opened, once, and used; more than there are slots is not an error."""

    async def main(_: World) -> None:
        async with (
            venue(answering) as served,
            channel_to(served.url, max_connections=4) as channel,
        ):
            for _ in range(2):
                await channel.warm(served.url, connections=3)
            await asyncio.sleep(1)
            assert served.connections == 3
            sent = [channel.send(post(served.url), timeout_s=5) for _ in range(3)]
            await asyncio.gather(*sent)
            assert served.connections == 3
            await channel.warm(served.url, connections=9)
            await asyncio.sleep(1)
            assert served.connections == 4

    in_a_world(main)


def test_kept_warm_means_always_warm() -> None:
    """For two hours of idleness there is a connection that outlives its next use, and
    a venue that was away is connected again."""

    async def main(_: World) -> None:
        async with venue(answering) as served, channel_to(served.url) as channel:
            pool = channel._pool
            warmer = asyncio.create_task(channel.keep_warm(served.url))
            await asyncio.sleep(1)
            for _ in range(7200):
                assert 2 <= sum(map(len, pool._idle.values())) <= 4
                await asyncio.sleep(1)
            for connection in list(pool._origin_of):
                connection.abort()
            await asyncio.sleep(11)
            assert sum(map(len, pool._idle.values())) == 2
            warmer.cancel()
            assert served.requests == []

    in_a_world(main)


def test_a_closed_channel_sends_nothing() -> None:
    """NotSent, whoever still asks."""

    async def main(_: World) -> None:
        async with venue(answering) as served:
            async with channel_to(served.url, max_connections=1) as channel:
                held = asyncio.create_task(failing(channel, post(served.url)))
                waits = asyncio.create_task(failing(channel, post(served.url)))
                await asyncio.sleep(0.001)
            for task in (held, waits):
                exc, announced = await task
                assert (type(exc), announced) == (NotSent, False)
            exc, announced = await failing(channel, post(served.url))
            assert (type(exc), announced) == (NotSent, False)
            assert served.requests == []
            await asyncio.sleep(1)

    in_a_world(main)


# Cancellation


def test_cancelled_before_writing_nothing_left() -> None:
    """CancelledError passes, the callback was not called."""

    async def talk(connection: Connection) -> None:
        """Never shake hands."""

    async def main() -> None:
        announced: list[bool] = []
        async with venue(talk) as served:
            url = served.url.replace("http:", "https:")
            async with channel_to(url) as channel:
                await cancelled_while_sending(channel, url, announced, served)
                assert announced == []

    run(main())


def test_cancelled_after_writing_the_caller_knows() -> None:
    """CancelledError passes, the callback was called, and the pool stays usable."""

    async def talk(connection: Connection) -> None:
        request = await connection.request()
        if b"/order" in request:
            await connection.request()  # the client hangs up
        connection.writer.write(OK)

    async def main() -> None:
        async with (
            venue(talk) as served,
            channel_to(served.url, max_connections=2) as channel,
        ):
            for n in range(6):
                announced: list[bool] = []
                await cancelled_while_sending(channel, served.url, announced, served)
                assert announced == [True]
                assert len(served.requests) == n + 1
            answer = await channel.send(post(served.url, "/x"), timeout_s=5)
            assert answer.status == 200

    run(main())


def test_requests_cut_off_at_any_moment_leave_the_channel_whole(
    loopback_certificate: tuple[Path, Path],
) -> None:
    """300 requests over TLS, cancelled or timed out at every step of their way: what
    was not announced did not arrive, nothing arrives twice, and the pool is not used
    up."""
    trusting = ssl.create_default_context(cafile=loopback_certificate[0])

    async def talk(connection: Connection) -> None:
        while True:
            await connection.request()
            await asyncio.sleep(0.001)
            connection.writer.write(OK)

    async def one(channel: HttpChannel, url: str, n: int, announced: set[int]) -> None:
        timeout_s = 5 if n % 2 else 0.0002 * (n % 60)
        await channel.send(
            post(url, f"/{n}-"),
            timeout_s=timeout_s,
            on_bytes_may_leave=lambda: announced.add(n),
        )

    async def main() -> None:
        announced: set[int] = set()
        async with (
            venue(talk, tls_server(loopback_certificate)) as served,
            channel_to(served.url, tls=trusting, max_connections=3) as channel,
        ):
            for start in range(0, 300, 6):
                tasks = [
                    asyncio.create_task(one(channel, served.url, n, announced))
                    for n in range(start, start + 6)
                ]
                await asyncio.sleep(0.0002 * (start % 50))
                for task in tasks[1::2]:
                    task.cancel()
                for result in await asyncio.gather(*tasks, return_exceptions=True):
                    assert result is None or isinstance(
                        result, NotSent | MaybeSent | asyncio.CancelledError
                    )
            answers = [
                await channel.send(post(served.url, f"/{n}-"), timeout_s=5)
                for n in range(1000, 1010)
            ]
            assert {200} == {answer.status for answer in answers}
            arrived = {int(r.split(b"/")[1].split(b"-")[0]) for r in served.requests}
            assert arrived - set(range(1000, 1010)) <= announced
            assert len(served.requests) == len(arrived)

    run(main())
    gc.collect()


async def cancelled_while_sending(
    channel: HttpChannel, url: str, announced: list[bool], served: Venue
) -> None:
    before = len(served.requests), served.connections
    task = asyncio.create_task(
        channel.send(
            post(url), timeout_s=60, on_bytes_may_leave=lambda: announced.append(True)
        )
    )
    if url.startswith("http:"):
        await until(lambda: len(served.requests) > before[0])
    else:
        await until(lambda: served.connections > before[1])
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert CANARY not in shown(caught.value)
