"""The gateway of Coinbase's derivatives: the same dialect, signed in by a JWT.

    JWT (Ed25519 or ES256, good for two minutes) -> public/auth -> access token

There is no refresh token: the exchange is repeated. REST calls carry the access token
as Bearer; nothing is signed per call. A socket on which the client says nothing for
about 30 s is closed (1011), and pings of the protocol do not count, so something is
said every 15 s. Cancel-on-disconnect is not documented there.

Source: Coinbase developer documentation, "International Derivatives Overview",
"public/auth" (Deribit app API), "JWT authentication"; read 2026-11.
"""

from __future__ import annotations

import json

from connector.dialect import Capability, Endpoints
from connector.dialect.wire import HttpWire, Request, Security, Send, SigningKey
from connector.errors import Unsupported
from connector.model.credentials import KeyKind
from connector.model.ids import Symbol
from connector.model.limits import Priority
from connector.model.noun import replace
from connector.venues.deribit import dialect, sign
from connector.venues.deribit.limits import REQUEST_COST
from connector.venues.deribit.scripts import SocketRules
from connector.venues.signing import to_base64url

VENUE = "coinbase-derivatives"
KEEP_ALIVE_S = 15
JWT_LIFE_S = 120
GRANT = ("grant_type", "coinbase_cdp")

_ALGORITHMS = {KeyKind.ED25519: "EdDSA", KeyKind.ES256: "ES256"}
_SOCKET = "wss://drb.coinbase.com/ws/api/v2"
LIVE = Endpoints(
    rest="https://drb.coinbase.com",
    stream=_SOCKET,
    # Public streams have a host of their own.
    public="wss://streams.drb.coinbase.com/ws/api/v2",
    ws_api=_SOCKET,
)

EXCHANGE = Request(
    op="exchange",
    method="POST",
    path="/api/v2/public/auth",
    params=(GRANT,),
    security=Security.KEY,
    cost=REQUEST_COST,
    priority=Priority.RECONCILE,
)

FACTS = replace(
    dialect.FACTS,
    name=VENUE,
    capabilities=dialect.FACTS.capabilities - {Capability.DEAD_MAN_TIMER},
    dead_man=None,
    key_kinds=frozenset(_ALGORITHMS),
    key_settings={},
    exchange=EXCHANGE,
)


def jwt(signer: SigningKey, venue_ms: int) -> str:
    """A JSON Web Token (RFC 7519) that says who signs, good for two minutes."""
    key_name, now_s = signer.api_key.reveal(), venue_ms // 1000
    head = {
        "alg": _ALGORITHMS[signer.kind],
        "kid": key_name,
        "nonce": signer.nonce(),
        "typ": "JWT",
    }
    claims = {"sub": key_name, "iss": "cdp", "nbf": now_s, "exp": now_s + JWT_LIFE_S}
    signed = ".".join(
        to_base64url(json.dumps(part).encode()) for part in (head, claims)
    )
    return f"{signed}.{signer.sign_base64url(signed.encode())}"


class Coinbase(dialect.Deribit):
    """The dialect of Coinbase's gateway to Deribit; has no state."""

    facts = FACTS
    environments = {"live": LIVE}
    rules = SocketRules(
        needed=frozenset(("rat#trade", "rat#view")),
        unwanted=frozenset(
            (
                "wallet:transactions:send",
                "wallet:transactions:transfer",
                "wallet:withdrawals:create",
            )
        ),
        keep_alive_s=KEEP_ALIVE_S,
    )

    def dead_man(self, symbol: Symbol | None, timeout_ms: int) -> Request:
        """Nothing is said of it."""
        raise Unsupported(VENUE, "cancel-on-disconnect", "not documented there")

    def sign(
        self, request: Request, signer: SigningKey | None, base_url: str, venue_ms: int
    ) -> HttpWire:
        """With the access token; the exchange itself carries a fresh JWT."""
        if request.security is Security.KEY:
            assert signer is not None, "an exchange needs a key"
            params = (*request.params, ("token", jwt(signer, venue_ms)))
            request = replace(request, params=params)
        unsigned = replace(request, security=Security.NONE)
        wire = sign.sign(unsigned, None, base_url, venue_ms)
        if request.security is not Security.SIGNED:
            return wire
        assert signer is not None, f"{request.op} needs a key"
        assert signer.token is not None, "the shell fetches a token first"
        bearer = ("Authorization", f"Bearer {signer.token.reveal()}")
        return replace(wire, headers=(*wire.headers, bearer))

    def sign_frame(self, step: Send, signer: SigningKey, venue_ms: int) -> str:
        """Sign-in and renewal are the same exchange."""
        proof = (GRANT, ("token", jwt(signer, venue_ms)))
        return sign.frame(step.text, "public/auth", proof)
