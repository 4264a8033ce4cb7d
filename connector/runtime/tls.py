"""Verified TLS, one context for both channels.

The certificate authorities are certifi's, so that neither environment variables nor
a stray system store decides whom we trust.
"""

from __future__ import annotations

import functools
import ssl

import certifi

from connector.errors import ConfigError


@functools.cache
def verified_context() -> ssl.SSLContext:
    """The context for all venues: certificates and host names verified, TLS >= 1.2."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def require_verified(context: ssl.SSLContext) -> ssl.SSLContext:
    """*context* itself, or ConfigError if it would talk to anybody."""
    if context.verify_mode is not ssl.CERT_REQUIRED or not context.check_hostname:
        raise ConfigError("a TLS context must verify certificates and host names")
    return context
