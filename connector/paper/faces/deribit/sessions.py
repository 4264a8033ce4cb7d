"""Methods about the connection: sign-in, subscriptions, heartbeat, protection.

Source: Deribit API, "Authentication", "Session management", "Subscriptions"; read
2026-11.
"""

from __future__ import annotations

from connector.paper.faces.deribit.auth import grants
from connector.paper.faces.deribit.context import Ask
from connector.paper.faces.deribit.rpc import RpcError, bad
from connector.paper.faces.deribit.streams import PRIVATE, Socket

HEARTBEAT_MIN_S = 10
CHANNELS_MAX = 500


def socket_of(ask: Ask) -> Socket:
    """The socket of a call; 10030 over HTTP."""
    socket = ask.venue.streams.sockets.get(ask.socket_id or -1)
    if socket is None:
        raise RpcError(10030)
    return socket


def auth(ask: Ask) -> object:
    """public/auth; on a socket it signs the socket in."""
    token = ask.venue.keys.sign_in(ask.params, ask.now_ms, ask.socket_id)
    if ask.socket_id is not None:
        socket_of(ask).token = token
    return token.answer(ask.now_ms)


def fork_token(ask: Ask) -> object:
    """public/fork_token."""
    return ask.venue.keys.fork(ask.params, ask.now_ms).answer(ask.now_ms)


def set_heartbeat(ask: Ask) -> object:
    """public/set_heartbeat."""
    socket = socket_of(ask)
    interval = ask.params.need_integer("interval")
    if interval < HEARTBEAT_MIN_S:
        raise bad("interval", f"must be at least {HEARTBEAT_MIN_S}")
    socket.heartbeat_ms = interval * 1000
    socket.beaten_ms = ask.now_ms
    socket.is_tested = False
    return "ok"


def disable_heartbeat(ask: Ask) -> object:
    """public/disable_heartbeat."""
    socket_of(ask).heartbeat_ms = 0
    return "ok"


def subscribe_public(ask: Ask) -> object:
    """public/subscribe: private channels are not for it."""
    names = [n for n in ask.params.words("channels") if not n.startswith(PRIVATE)]
    return _subscribe(ask, names)


def subscribe_private(ask: Ask) -> object:
    """private/subscribe."""
    return _subscribe(ask, ask.params.words("channels"))


def _subscribe(ask: Ask, names: list[str]) -> object:
    socket = socket_of(ask)
    if len(names) > CHANNELS_MAX:
        raise bad("channels", "too many")
    if socket.token is None and any(name.endswith(".raw") for name in names):
        raise RpcError(13778)
    return ask.venue.streams.subscribe(socket, names)


def unsubscribe(ask: Ask) -> object:
    """public/unsubscribe, private/unsubscribe."""
    socket = socket_of(ask)
    names = ask.params.words("channels")
    for name in names:
        socket.channels.pop(name, None)
    return names


def unsubscribe_all(ask: Ask) -> object:
    """public/unsubscribe_all, private/unsubscribe_all."""
    socket_of(ask).channels.clear()
    return "ok"


def enable_protection(ask: Ask) -> object:
    """private/enable_cancel_on_disconnect: of a connection, or of the account."""
    return _protect(ask, is_on=True)


def disable_protection(ask: Ask) -> object:
    """private/disable_cancel_on_disconnect."""
    return _protect(ask, is_on=False)


def _protect(ask: Ask, *, is_on: bool) -> object:
    if not grants(ask.scope.split(), "account:read_write"):
        raise RpcError(
            13021, data={"reason": "insufficient_scope", "scope": "account:read_write"}
        )
    if ask.params.text("scope", "connection") == "account":
        accounts = ask.venue.protected_accounts
        (accounts.add if is_on else accounts.discard)(ask.account_id)
        return "ok"
    sockets = ask.venue.protected_sockets
    socket_id = socket_of(ask).socket_id
    (sockets.add if is_on else sockets.discard)(socket_id)
    return "ok"


def get_protection(ask: Ask) -> object:
    """private/get_cancel_on_disconnect."""
    scope = ask.params.text("scope", "connection") or "connection"
    if scope == "account":
        enabled = ask.account_id in ask.venue.protected_accounts
    else:
        enabled = is_protected(ask, socket_of(ask))
    return {"scope": scope, "enabled": enabled}


def is_protected(ask: Ask, socket: Socket) -> bool:
    """Whether orders made on *socket* end with it."""
    return (
        socket.socket_id in ask.venue.protected_sockets
        or socket.account_id in ask.venue.protected_accounts
    )
