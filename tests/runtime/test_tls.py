"""Tests of connector.runtime.tls; see test_http and test_stream for it at work."""

from __future__ import annotations

import ssl

import pytest

from connector.errors import ConfigError
from connector.runtime.tls import require_verified, verified_context


def test_the_context_of_all_venues_verifies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 10: certificate and name, TLS 1.2 at least, whatever the environment says."""
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
    verified_context.cache_clear()
    context = verified_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.cert_store_stats()["x509_ca"] > 50
    assert require_verified(context) is context


@pytest.mark.parametrize("is_half", [True, False])
def test_a_context_that_trusts_anybody_is_refused(is_half: bool) -> None:
    """A certificate without its name checked is anybody's, too."""
    context = ssl.create_default_context()
    context.check_hostname = False
    if not is_half:
        context.verify_mode = ssl.CERT_NONE
    with pytest.raises(ConfigError):
        require_verified(context)
