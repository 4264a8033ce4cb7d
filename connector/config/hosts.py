"""Which addresses an environment may have.

Only the mixture of environments is judged here; what may be contacted at all, and
how strictly a URL is spelled, is decided once more where bytes leave.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields

from connector.config.venues import VENUES
from connector.errors import ConfigError, WrongEnvironment

_URL = re.compile(
    r"(?P<scheme>[a-z]+)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?(?:/[\x21-\x7e]*)?"
)
_SCHEMES = {
    "rest": ("https", "http"),
    "stream": ("wss", "ws"),
    "public": ("wss", "ws"),
    "ws_api": ("wss", "ws"),
    "key_info": ("https", "http"),
    "second": ("wss", "ws"),
}
_TEST_WORDS = frozenset(("test", "testnet", "demo", "sandbox", "paper"))


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointUrls:
    """Base URLs of one environment; "" where there is none."""

    rest: str
    stream: str
    public: str
    ws_api: str = ""
    key_info: str = ""
    second: str = ""

    def items(self) -> Iterator[tuple[str, str]]:
        """Name and URL of each that is given."""
        for item in fields(self):
            if url := getattr(self, item.name):
                yield item.name, url


def check_endpoints(
    endpoints: EndpointUrls, environment: str, venue: str, where: str
) -> None:
    """Raise unless every URL fits its purpose and *environment*.

    ConfigError for a URL that is misspelled or plain text to another machine,
    WrongEnvironment for a host of another environment; both begin with *where*.
    """
    for name in ("rest", "stream", "public"):
        if not getattr(endpoints, name):
            raise ConfigError(f"{where}.{name}: must not be empty")
    for name, url in endpoints.items():
        parts = _URL.fullmatch(url)
        if parts is None or int(parts["port"] or 1) > 65535:
            raise ConfigError(
                f"{where}.{name}: not an address; write "
                f"{_SCHEMES[name][0]}://HOST/PATH without user name, query or fragment"
            )
        scheme, host = parts["scheme"], parts["host"].strip("[]").lower()
        secure, plain = _SCHEMES[name]
        if scheme not in (secure, plain):
            raise ConfigError(f"{where}.{name}: must begin with {secure}://")
        if scheme == plain and not is_loopback(host):
            raise ConfigError(
                f"{where}.{name}: {scheme}:// is for this machine only "
                f"(127.0.0.1, ::1, localhost); use {secure}://{host}"
            )
        is_market = name == "public" and host in VENUES[venue].market_hosts
        if is_market and environment == "testnet":
            continue  # prices only: nothing that is signed ever goes there
        if why := _foreign(host, environment, venue):
            raise WrongEnvironment(f"{where}.{name}: {why}")


def is_loopback(host: str) -> bool:
    """Whether bytes for *host* stay on this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _foreign(host: str, environment: str, venue: str) -> str:
    """Why *host* does not belong to *environment*; "" if it may."""
    words = VENUES[venue]
    here = is_loopback(host)
    if environment == "paper":
        if here:
            return ""
        return f"a paper profile stays on this machine, {host} does not"
    if here:
        return f"{host} is this machine, which is for paper profiles"
    if environment == "live":
        labels = set(re.split(r"[.-]", host))
        if host in words.testnet_hosts or labels & _TEST_WORDS:
            return f"{host} is a test network, which is for testnet profiles"
    elif host in words.live_hosts:
        return f"{host} is live, which is for live profiles"
    return ""
