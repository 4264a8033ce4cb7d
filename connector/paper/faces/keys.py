"""What a simulated venue keeps of a key that it registers."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
)


def verifier(
    secret: str, passphrase: str | None = None
) -> str | Ed25519PublicKey | RSAPublicKey:
    """What the venue keeps of a key: an HMAC secret, or a public key from PEM text.

    The PEM may hold the public key, or the private key a client signs with;
    raises ValueError if it holds another kind.
    """
    if not secret.lstrip().startswith("-----BEGIN"):
        return secret
    data = secret.encode()
    if "PUBLIC KEY" in secret.partition("\n")[0]:
        public = load_pem_public_key(data)
    else:
        private = load_pem_private_key(
            data, passphrase.encode() if passphrase else None
        )
        if not isinstance(private, Ed25519PrivateKey | RSAPrivateKey):
            raise ValueError("only Ed25519 and RSA keys are known here")
        public = private.public_key()
    if not isinstance(public, Ed25519PublicKey | RSAPublicKey):
        raise ValueError("only Ed25519 and RSA keys are known here")
    return public
