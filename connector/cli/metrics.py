"""Numbers of a running session for Prometheus, served on this machine.

The importer of prometheus_client (extra: metrics). It turns numbers into text; the
connections are asyncio's, in the session's own loop, so that nothing is read while it
changes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any

from connector.errors import ConfigError

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from connector.session import Session

_REQUEST_MAX = 8 * 1024
_PATIENCE_S = 5.0
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_GAUGES = {
    "is_live": "1 while local state equals the venue's",
    "stale_age_s": "Seconds since the state could last be trusted",
    "clock_offset_ms": "The venue's clock minus ours",
    "clock_error_ms": "Bound of the error of the clock offset",
    "open_orders": "Orders that rest, or may rest, at the venue",
    "in_doubt": "Commands whose outcome nobody knows yet",
}
_COUNTERS = {
    "fills": "Fills counted",
    "duplicates_dropped": "Fills told again and not counted again",
    "requests": "Calls sent",
    "weight": "Request weight used",
    "reconciliations": "Reconciliations finished",
}


@contextlib.asynccontextmanager
async def metrics_served(session: Session, port: int, host: str) -> AsyncIterator[int]:
    """Serve ``http://host:port/metrics`` inside the block; yields the port.

    Port 0 picks a free one. Raises ConfigError without prometheus_client, or if the
    port cannot be had.
    """
    try:
        import prometheus_client  # noqa: F401 - is it there?
    except ImportError:
        raise ConfigError(
            "metrics need the extra: pip install 'connector[metrics]'"
        ) from None

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(_PATIENCE_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_answer_to(head, session))
                await writer.drain()
        writer.close()

    try:
        server = await asyncio.start_server(answer, host, port, limit=_REQUEST_MAX)
    except OSError as exc:
        why = exc.strerror or type(exc).__name__
        raise ConfigError(f"metrics cannot listen on {host}:{port}: {why}") from None
    async with server:
        yield server.sockets[0].getsockname()[1]


def _answer_to(head: bytes, session: Session) -> bytes:
    if not head.startswith((b"GET / ", b"GET /metrics")):
        return (
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    body = metrics_text(session)
    lines = (
        "HTTP/1.1 200 OK",
        "Content-Type: text/plain; version=0.0.4; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def metrics_text(session: Session) -> bytes:
    """All numbers in Prometheus' text format; needs prometheus_client."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.registry import Collector

    class Numbers(Collector):
        def collect(self) -> Iterable[Metric]:
            return _metrics(session)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Numbers())
    text: bytes = generate_latest(registry)
    return text


def _metrics(session: Session) -> Iterable[Metric]:
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )

    stats = session.stats()
    labels = ["profile", "venue"]
    values = [str(stats["profile"]), str(stats["venue"])]
    for name, text in _GAUGES.items():
        gauge = GaugeMetricFamily(f"connector_{name}", text, labels=labels)
        gauge.add_metric(values, float(stats[name]))
        yield gauge
    for name, text in _COUNTERS.items():
        counter = CounterMetricFamily(f"connector_{name}", text, labels=labels)
        counter.add_metric(values, float(stats[name]))
        yield counter
    yield from _of_channels(stats, labels, values)
    used = GaugeMetricFamily(
        "connector_limit_used_ratio",
        "Used part of a rate limit",
        labels=[*labels, "limit"],
    )
    for bucket in stats["limits"]:
        used.add_metric([*values, bucket["id"]], bucket["used"] / bucket["limit"])
    yield used
    for name, histogram in session.latency.items():
        family = HistogramMetricFamily(
            f"connector_{name}_seconds", f"See {name} in the stats", labels=labels
        )
        buckets = [(f"{upper_s:.9g}", n) for upper_s, n in histogram.cumulative()]
        buckets.append(("+Inf", histogram.count))
        family.add_metric(values, buckets, sum_value=histogram.total_ns / 1e9)
        yield family


def _of_channels(
    stats: dict[str, Any], labels: list[str], values: list[str]
) -> Iterable[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    labels = [*labels, "channel"]
    is_up = GaugeMetricFamily("connector_channel_up", "1 while usable", labels=labels)
    again = CounterMetricFamily(
        "connector_reconnects", "Times a channel was opened again", labels=labels
    )
    for name in ("private", "public", "orders"):
        channel = stats[name]
        if channel is not None:
            is_up.add_metric([*values, name], float(channel["is_up"]))
            again.add_metric([*values, name], float(channel["reconnects"]))
    yield is_up
    yield again
