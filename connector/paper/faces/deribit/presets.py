"""Answers of a venue in trouble, by name, for faults.

Source: Deribit API, "RPC Error Codes"; HTML is what gateways answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from connector.paper.faces import Reply


def _error(code: int, message: str, status: int = 400) -> Reply:
    text = (
        f'{{"jsonrpc":"2.0","error":{{"message":"{message}","code":{code}}},'
        '"usIn":0,"usOut":0,"usDiff":0,"testnet":true}'
    )
    return Reply(status=status, body=text.encode())


PRESETS: Mapping[str, Reply] = {
    "error": _error(10001, "error"),
    "retry": _error(10040, "retry"),
    "queue_full": _error(10047, "matching_engine_queue_full"),
    "lock_timeout": _error(10050, "lock_time_exceeded"),
    "settlement": _error(10041, "settlement_in_progress"),
    "maintenance": _error(11051, "system_maintenance", 503),
    "internal": _error(11094, "internal_server_error", 500),
    "unavailable": _error(13028, "temporarily_unavailable"),
    "timed_out": _error(13888, "timed_out"),
    "unauthorized": _error(13009, "unauthorized"),
    "bad_gateway": Reply(
        status=502,
        body=b"<html><body><h1>502 Bad Gateway</h1></body></html>",
        content_type="text/html",
    ),
    "truncated_json": Reply(status=200, body=b'{"jsonrpc":"2.0","result":{"ord'),
}
