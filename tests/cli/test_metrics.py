"""Tests of connector.cli.metrics: what Prometheus reads."""

from __future__ import annotations

import asyncio

import pytest

from connector import Session
from connector.cli.metrics import metrics_served
from connector.errors import ConfigError

pytest.importorskip("prometheus_client")


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


def test_numbers_are_served_and_secrets_are_not() -> None:
    """State, channels, limits and latency of a live session; nothing else is there."""

    async def main() -> None:
        async with (
            Session("paper:binance") as session,
            metrics_served(session, 0, "127.0.0.1") as port,
        ):
            await session.buy("BTCUSDT", "0.010")
            answer = await ask(port, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            text = answer.decode()
            assert text.startswith("HTTP/1.1 200 OK\r\n")
            which = 'profile="paper:binance",venue="binance-usdm"'
            assert f"connector_is_live{{{which}}} 1.0\n" in text
            assert f'connector_channel_up{{channel="private",{which}}} 1.0\n' in text
            assert f"connector_sent_to_ack_seconds_count{{{which}}} 1.0\n" in text
            assert f"connector_requests_total{{{which}}} " in text
            for part in text.split():
                assert "signature" not in part.lower()
            missing = await ask(port, b"GET /else HTTP/1.1\r\n\r\n")
            assert missing.startswith(b"HTTP/1.1 404 ")
            with pytest.raises(ConfigError, match="cannot listen"):
                async with metrics_served(session, port, "127.0.0.1"):
                    pass

    asyncio.run(main())


def test_silent_and_endless_readers_do_no_harm() -> None:
    """Hanging up early, and a head without an end."""

    async def main() -> None:
        async with (
            Session("paper:binance") as session,
            metrics_served(session, 0, "127.0.0.1") as port,
        ):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"x" * 20_000)
            assert await reader.read() == b""
            writer.close()
            assert b" 200 OK" in await ask(port, b"GET / HTTP/1.1\r\n\r\n")

    asyncio.run(main())
