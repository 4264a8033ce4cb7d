"""Tests of connector.runtime.hosts: signed bytes go only to hosts on the list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import ConfigError
from connector.runtime.hosts import AllowList, Origin, split_url

VENUE = AllowList(["https://api.venue.example", "wss://ws.venue.example:9443/ws"])
SECRET = "signature=canary5ecret"

ALLOWED = [
    "https://api.venue.example",
    "https://api.venue.example/",
    "https://api.venue.example?" + SECRET,
    "https://api.venue.example:443/v1/order?" + SECRET,
    "HTTPS://API.Venue.EXAMPLE/v1",
    "wss://ws.venue.example:9443/private?listenKey=abc",
]

REFUSED = {
    "other host": "https://api.venue.example.evil.example/",
    "sub domain": "https://x.api.venue.example/",
    "parent domain": "https://venue.example/",
    "other port": "https://api.venue.example:8443/",
    "default port of another origin": "wss://ws.venue.example/",
    "plain http": "http://api.venue.example/",
    "plain ws": "ws://ws.venue.example:9443/",
    "other scheme, same host": "wss://api.venue.example/",
    "file": "file:///etc/passwd",
    "no scheme": "api.venue.example/",
    "scheme-relative": "//api.venue.example/",
    "user info": "https://api.venue.example@evil.example/",
    "user info of ours": "https://user:pw@api.venue.example/",
    "empty user": "https://@api.venue.example/",
    "encoded at": "https://api.venue.example%40evil.example/",
    "trailing dot": "https://api.venue.example./",
    "double dot": "https://api..venue.example/",
    "leading dot": "https://.api.venue.example/",
    "empty port": "https://api.venue.example:/",
    "port zero": "https://api.venue.example:0/",
    "port with zeros": "https://api.venue.example:0443/",
    "port with sign": "https://api.venue.example:+443/",
    "port too large": "https://api.venue.example:65979/",
    "huge port": "https://api.venue.example:4430000000/",
    "backslash": "https://evil.example\\@api.venue.example/",
    "backslash in path": "https://api.venue.example/\\evil",
    "fragment": "https://api.venue.example/#x",
    "fragment trick": "https://evil.example#@api.venue.example/",
    "space": "https://api.venue.example /",
    "line end": "https://api.venue.example/\r\nHost: evil.example",
    "tab in host": "https://api.venue\t.example/",
    "NUL": "https://api.venue.example\0/",
    "fullwidth letters": "https://\uff41pi.venue.example/",
    "ideographic dot": "https://api\u3002venue.example/",
    "cyrillic letter": "https://\u0430pi.venue.example/",
    "kelvin sign": "https://api.venue.example\u212a/",
    "soft hyphen": "https://api.\u00advenue.example/",
    "punycode": "https://xn--pi-7kc.venue.example/",
    "percent-encoded host": "https://%61pi.venue.example/",
    "underscore": "https://api_x.venue.example/",
    "IPv6 zone": "https://[fe80::1%25eth0]/",
    "not IPv6": "https://[api.venue.example]/",
    "empty": "",
    "empty host": "https:///v1",
}

LOOPBACK = ["127.0.0.1", "127.8.9.10", "[::1]", "localhost", "LOCALHOST"]
NOT_LOOPBACK = [
    "0.0.0.0",
    "10.0.0.1",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "localhost.",
    "127.1",
    "127.0.0.01",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "2130706433",
    "0x7f000001",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::2]",
]


@pytest.mark.parametrize("url", ALLOWED)
def test_a_listed_origin_passes_whatever_path_and_query(url: str) -> None:
    """Scheme, host and port decide, in any case of letters."""
    VENUE.check(url)


@pytest.mark.parametrize("url", REFUSED.values(), ids=REFUSED)
def test_everything_else_is_refused(url: str) -> None:
    """Law: signed bytes go only to allow-listed hosts."""
    with pytest.raises(ConfigError):
        VENUE.check(f"{url}?{SECRET}" if "?" not in url else url)


@pytest.mark.parametrize("url", [*REFUSED.values(), *ALLOWED])
def test_a_refusal_never_echoes_path_or_query(url: str) -> None:
    """What may be signed is not repeated in an error."""
    elsewhere = AllowList(["https://elsewhere.example"])
    with pytest.raises(ConfigError) as caught:
        elsewhere.check(f"{url}/v1/order?{SECRET}&user:pw")
    assert "canary" not in str(caught.value)
    assert "/v1" not in str(caught.value)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["http", "ws"])
@pytest.mark.parametrize("host", LOOPBACK)
def test_plain_text_is_allowed_on_loopback(host: str, scheme: str) -> None:
    """The paper venue is spoken to without TLS, on this machine alone."""
    AllowList([f"{scheme}://{host}:8080"]).check(f"{scheme}://{host}:8080/v1")


@pytest.mark.parametrize("scheme", ["http", "ws"])
@pytest.mark.parametrize("host", NOT_LOOPBACK)
def test_plain_text_is_refused_elsewhere_even_if_listed(host: str, scheme: str) -> None:
    """No configuration can make us sign over plain text."""
    with pytest.raises(ConfigError):
        AllowList([f"{scheme}://{host}:8080"])


@pytest.mark.parametrize(
    ("url", "origin", "target"),
    [
        ("https://a.example", Origin("https", "a.example", 443), "/"),
        ("https://A.example?x=%2F", Origin("https", "a.example", 443), "/?x=%2F"),
        ("wss://a.example:443/W?B=c", Origin("wss", "a.example", 443), "/W?B=c"),
        ("http://[0:0::1]:81/", Origin("http", "::1", 81), "/"),
        (
            "https://a.example/a//b/../c;d?q='[]{}|^`\"<>&r=%zz",
            Origin("https", "a.example", 443),
            "/a//b/../c;d?q='[]{}|^`\"<>&r=%zz",
        ),
    ],
)
def test_split_keeps_the_target_byte_for_byte(
    url: str, origin: Origin, target: str
) -> None:
    """The signature covers these bytes: nothing may be normalised."""
    assert split_url(url) == (origin, target)


def test_the_authority_names_the_port_only_if_it_is_unusual() -> None:
    """As RFC 9110 wants the Host header."""
    assert Origin("https", "a.example", 443).authority == "a.example"
    assert Origin("https", "a.example", 444).authority == "a.example:444"
    assert Origin("http", "::1", 81).authority == "[::1]:81"


@pytest.mark.parametrize("urls", [[], "https://a.example", ["nonsense"]])
def test_a_list_of_nothing_is_a_mistake(urls: list[str] | str) -> None:
    """An empty or wrong list is refused when it is made, not when it is used."""
    with pytest.raises(ConfigError):
        AllowList(urls)


@given(st.text(max_size=40))
def test_no_text_gets_another_host_through(text: str) -> None:
    """Whatever is appended to the scheme, only the listed host passes."""
    try:
        origin, _ = VENUE.split(f"https://{text}")
    except ConfigError:
        return
    assert origin == Origin("https", "api.venue.example", 443)


@given(st.text(max_size=20))
def test_nothing_put_behind_the_host_changes_it(text: str) -> None:
    """What follows the host either is a path or refuses the URL."""
    try:
        origin, _ = VENUE.split(f"https://api.venue.example{text}")
    except ConfigError:
        return
    assert origin.host == "api.venue.example"
