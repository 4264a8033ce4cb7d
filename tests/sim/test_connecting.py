"""TLS in a world: asyncio's own, with certificates that are really checked."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import websockets.asyncio.client
import websockets.asyncio.server
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connector.sim.world import World, run_world

Play = Callable[..., Any]


@pytest.fixture(scope="module")
def contexts(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server context for "venue" and a client context that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "venue")])
    utc = datetime.UTC
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=utc))
        .not_valid_after(datetime.datetime(2049, 1, 1, tzinfo=utc))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("venue")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    path: Path = tmp_path_factory.mktemp("tls") / "venue.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))


Contexts = tuple[ssl.SSLContext, ssl.SSLContext]


async def _upper(reader: asyncio.StreamReader, writer: Any) -> None:
    writer.write((await reader.readline()).upper())
    writer.close()


def test_streams_over_tls(play: Play, contexts: Contexts) -> None:
    """Law: open_connection and start_server speak TLS as ever."""

    async def main(world: World) -> tuple[bytes, str]:
        world.network.add_host("venue")
        server = await asyncio.start_server(_upper, "venue", 443, ssl=contexts[0])
        reader, writer = await asyncio.open_connection("venue", 443, ssl=contexts[1])
        writer.write(b"secret\n")
        answer = await reader.read()
        version = writer.get_extra_info("ssl_object").version()
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return answer, version

    assert play(main) == (b"SECRET\n", "TLSv1.3")


def test_start_tls_upgrades_a_connection(play: Play, contexts: Contexts) -> None:
    """Law: a plain connection can be upgraded."""

    async def serve(reader: asyncio.StreamReader, writer: Any) -> None:
        await reader.readline()
        writer.write(b"go\n")
        await writer.start_tls(contexts[0])
        await _upper(reader, writer)

    async def main(world: World) -> bytes:
        world.network.add_host("venue")
        await asyncio.start_server(serve, "venue", 25)
        reader, writer = await asyncio.open_connection("venue", 25)
        writer.write(b"starttls\n")
        assert await reader.readline() == b"go\n"
        await writer.start_tls(contexts[1], server_hostname="venue")
        writer.write(b"hidden\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer

    assert play(main) == b"HIDDEN\n"


@pytest.mark.parametrize("host", ["venue", "impostor"])
def test_certificates_are_checked(contexts: Contexts, host: str) -> None:
    """Law: an untrusted certificate or a wrong name is refused."""
    client = contexts[1] if host == "impostor" else ssl.create_default_context()

    async def main(world: World) -> None:
        world.network.add_host(host)
        await asyncio.start_server(_upper, host, 443, ssl=contexts[0])
        await asyncio.open_connection(host, 443, ssl=client)

    result = run_world(main, 1)
    assert isinstance(result.error, ssl.SSLCertVerificationError)


def test_a_server_without_tls_is_an_error_in_time(contexts: Contexts) -> None:
    """Law: a handshake nobody answers ends by asyncio's timeout, virtually."""

    async def silent(reader: asyncio.StreamReader, writer: Any) -> None:
        await reader.read()
        writer.close()

    async def main(world: World) -> None:
        world.network.add_host("venue")
        await asyncio.start_server(silent, "venue", 443)
        await asyncio.open_connection("venue", 443, ssl=contexts[1])

    result = run_world(main, 1)
    assert isinstance(result.error, ConnectionError)
    assert 59 < result.virtual_ns / 1e9 < 62


def test_httpx_and_websockets_over_tls(
    play: Play, scenario: ModuleType, contexts: Contexts
) -> None:
    """Law: https and wss reach the venue, handshake and all."""

    async def main(world: World) -> list[Any]:
        world.network.add_host("venue")
        await world.loop.create_server(
            scenario.TinyVenue, "venue", 443, ssl=contexts[0]
        )
        async with httpx.AsyncClient(trust_env=False, verify=contexts[1]) as client:
            first = await client.get("https://venue/")
            second = await client.get("https://venue/")
        async with websockets.asyncio.client.connect(
            "wss://venue/", proxy=None, ssl=contexts[1]
        ) as stream:
            await stream.send("hello")
            echo = await stream.recv()
        return [first.status_code, second.status_code, echo]

    assert play(main) == [200, 200, "hello"]


def test_a_world_over_tls_is_the_same_but_for_its_bytes(contexts: Contexts) -> None:
    """Law: encrypted bytes differ from run to run, times and order do not."""

    async def main(world: World) -> list[tuple[int, str]]:
        world.network.add_host("venue")
        await asyncio.start_server(_upper, "venue", 443, ssl=contexts[0])
        reader, writer = await asyncio.open_connection("venue", 443, ssl=contexts[1])
        writer.write(b"secret\n")
        await reader.read()
        writer.close()
        await writer.wait_closed()
        return [(line.at_ns, line.kind) for line in world.trace.lines]

    first, second = run_world(main, 1), run_world(main, 1)
    assert first.unwrap() == second.unwrap()
    assert first.trace_hash != second.trace_hash
