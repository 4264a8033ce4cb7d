"""The allow-list: which hosts may ever see our bytes.

An environment has a handful of endpoints. A URL is let through only if its scheme,
host and port are exactly those of one of them, whatever path and query follow.
Parsing is stricter than any URL standard on purpose: two parsers that disagree about
where a host ends are how signed requests reach strangers. A URL is therefore plain
printable ASCII, without user info, backslash or fragment, and its host is a plain
DNS name or an IP address in its one canonical spelling.

Refusals name the origin at most, never the path or the query: those may be signed or
hold a stream key.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from connector.errors import ConfigError

_DEFAULT_PORT = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_PLAIN = frozenset({"http", "ws"})

_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_URL = re.compile(
    r"(?P<scheme>[A-Za-z]+)://"
    r"(?P<authority>[^/?#\\]*)"
    r"(?P<target>(?:[/?][^#\\]*)?)"
)
_AUTHORITY = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port in canonical spelling: lower case, port always set.

    An IPv6 host is without brackets.
    """

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """What goes into the Host header: the port only if it is not the default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        if self.port == _DEFAULT_PORT[self.scheme]:
            return host
        return f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether bytes stay on this machine: 127.0.0.0/8, ::1 or localhost."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


def split_url(url: str) -> tuple[Origin, str]:
    """*url* as its origin and its request target, the latter byte for byte.

    A missing path becomes "/". Raises ConfigError, without any part of the URL, for
    anything that is not plainly spelled (see the module's text), and for plain-text
    schemes to anywhere but loopback.
    """
    if _PRINTABLE.fullmatch(url) is None:
        raise _refused("it must be printable ASCII without spaces")
    parts = _URL.fullmatch(url)
    if parts is None:
        raise _refused("it must look like scheme://host/path, without fragment")
    scheme = parts["scheme"].lower()
    if scheme not in _DEFAULT_PORT:
        raise _refused("the scheme must be https or wss (http or ws on loopback)")
    if "@" in parts["authority"]:
        raise _refused("a user name or password before the host is not allowed")
    authority = _AUTHORITY.fullmatch(parts["authority"])
    if authority is None:
        raise _refused("the host or the port is not plainly spelled")
    port = int(authority["port"]) if authority["port"] else _DEFAULT_PORT[scheme]
    if port > 65535:
        raise _refused("the port is not a port")
    origin = Origin(scheme, _canonical_host(authority["host"]), port)
    if scheme in _PLAIN and not origin.is_loopback:
        raise ConfigError(
            f"{origin} refused: plain text is for loopback only; use "
            f"{'https' if scheme == 'http' else 'wss'}"
        )
    target = parts["target"]
    return origin, target if target.startswith("/") else f"/{target}"


class AllowList:
    """The origins of one environment; everything else is refused before it is sent."""

    __slots__ = ("_origins",)

    def __init__(self, endpoint_urls: Iterable[str]) -> None:
        """Allow the origins of *endpoint_urls*; their paths do not matter.

        Raises ConfigError for a URL `split_url` refuses, and for no URL at all.
        """
        if isinstance(endpoint_urls, str):
            raise ConfigError("an allow-list is made from several URLs, not from one")
        self._origins = frozenset(split_url(url)[0] for url in endpoint_urls)
        if not self._origins:
            raise ConfigError("an allow-list needs at least one URL")

    @property
    def origins(self) -> frozenset[Origin]:
        """What is allowed."""
        return self._origins

    def check(self, url: str) -> None:
        """Return if *url* may be contacted, else raise ConfigError.

        The error names the origin at most, never path or query.
        """
        self.split(url)

    def split(self, url: str) -> tuple[Origin, str]:
        """As `check`, returning the origin and the byte-exact request target."""
        origin, target = split_url(url)
        if origin not in self._origins:
            allowed = ", ".join(sorted(map(str, self._origins)))
            raise ConfigError(
                f"{origin} is not a host of this environment; allowed: {allowed}"
            )
        return origin, target


def _canonical_host(host: str) -> str:
    if host.startswith("["):
        try:
            address = ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise _refused("the host is not an IPv6 address") from None
        if address.ipv4_mapped is not None:
            raise _refused("an IPv4 address is written as one")
        return str(address)
    host = host.lower()
    labels = host.split(".")
    if labels[-1].isdigit() or labels[-1].startswith("0x"):
        # Octal, hexadecimal, short and decimal spellings mean different hosts to
        # different resolvers; ipaddress takes dotted decimal without leading zeros.
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise _refused("the host is not a plainly spelled IPv4 address") from None
    if len(host) > 253 or any(_LABEL.fullmatch(label) is None for label in labels):
        raise _refused("the host is not a plain DNS name (no dot at its end)")
    if any(label.startswith("xn--") for label in labels):
        raise _refused("internationalised host names are not allowed")
    return host


def _refused(why: str) -> ConfigError:
    return ConfigError(f"URL refused: {why}")
