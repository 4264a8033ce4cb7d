"""The OKX face answers every input; nothing makes it raise."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.paper.faces.okx_v5 import FaceConfig, LimitConfig
from connector.paper.faces.okx_v5.face import ROUTES
from connector.paper.faces.okx_v5.sockets import CHANNELS, OPERATIONS

OPEN = FaceConfig(limits=LimitConfig(factor=1 << 30))
SEEN = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

WORDS = st.sampled_from(
    [
        "",
        "BTC-USDT-SWAP",
        "BTC-USDT",
        "SWAP",
        "ANY",
        "buy",
        "sell",
        "limit",
        "market",
        "post_only",
        "conditional",
        "conditional,oco",
        "move_order_stop",
        "cross",
        "isolated",
        "long",
        "net",
        "net_mode",
        "true",
        "a1",
        "-1",
        "0",
        "1",
        "0.01",
        "59000",
        "61000.1",
        "1e5",
        "NaN",
        "9" * 30,
        "9" * 5000,
        "٣",
        "\u0000",
        "no-dashes",
        "USDT",
        "live",
    ]
)
VALUES = WORDS | st.sampled_from([None, True, 10459, 1.5, [], {}, [{}], ["a"]])
NAMES = [
    "instId",
    "instIdCode",
    "instType",
    "instFamily",
    "tdMode",
    "mgnMode",
    "side",
    "posSide",
    "ordType",
    "sz",
    "px",
    "clOrdId",
    "ordId",
    "newSz",
    "newPx",
    "reqId",
    "tag",
    "reduceOnly",
    "stpMode",
    "attachAlgoOrds",
    "algoId",
    "algoClOrdId",
    "slTriggerPx",
    "slOrdPx",
    "slTriggerPxType",
    "tpTriggerPx",
    "tpOrdPx",
    "callbackRatio",
    "activePx",
    "closeFraction",
    "timeOut",
    "lever",
    "posMode",
    "acctLv",
    "autoCxl",
    "limit",
    "after",
    "before",
    "begin",
    "end",
    "state",
    "ccy",
    "type",
    "channel",
    "extraParams",
]
VALID = st.sampled_from(
    [
        {},
        {
            "instId": "BTC-USDT-SWAP",
            "instIdCode": 10459,
            "instType": "SWAP",
            "tdMode": "cross",
            "mgnMode": "cross",
            "side": "buy",
            "ordType": "limit",
            "sz": "1",
            "px": "59000",
            "clOrdId": "a1",
        },
    ]
)
BODIES = st.builds(
    lambda base, more: base | more,
    VALID,
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5),
)
ANY = BODIES | st.lists(BODIES | VALUES, max_size=3) | VALUES


@SEEN
@given(route=st.sampled_from(sorted(ROUTES)), body=ANY)
def test_rest(desk_of: Any, route: tuple[str, str], body: Any) -> None:
    """Always an answer in the venue's form; the books stay balanced."""
    from urllib.parse import urlencode

    desk = desk_of(OPEN)
    desk.place(clOrdId="a1")
    method, path = route
    target, text = f"/api/v5/{path}", ""
    if method == "GET":
        query = body if isinstance(body, dict) else {}
        target += "?" + urlencode({k: str(v) for k, v in query.items()})
    else:
        text = json.dumps(body)
    reply = desk.http(desk.signed(method, target, text))
    answer = json.loads(reply.body)
    assert {"code", "msg", "data"} <= set(answer)
    assert answer["code"].isdigit()
    desk.engine.audit()


@SEEN
@given(
    frame=st.builds(
        lambda op, args, more: {"op": op, "args": args} | more,
        st.sampled_from([*sorted(OPERATIONS), "login", "subscribe", "unsubscribe"])
        | VALUES,
        st.lists(
            BODIES
            | st.builds(
                lambda channel, body: body | {"channel": channel},
                st.sampled_from(sorted(CHANNELS)),
                BODIES,
            ),
            max_size=3,
        )
        | VALUES,
        st.dictionaries(st.sampled_from(["id", "expTime"]), VALUES, max_size=2),
    ),
    path=st.sampled_from(["private", "public", "business"]),
    is_signed=st.booleans(),
)
def test_sockets(desk_of: Any, frame: Any, path: str, is_signed: bool) -> None:
    """Something comes back, and the socket stays usable."""
    desk = desk_of(OPEN)
    socket = desk.open(f"/ws/v5/{path}")
    if is_signed and path != "public":
        desk.login(socket)
    assert desk.say(socket, frame)
    assert desk.say(socket, "ping")[-1] == {"event": "pong"}
    desk.wait(6000)
    desk.engine.audit()


@SEEN
@given(text=st.text(max_size=40))
def test_any_text(desk_of: Any, text: str) -> None:
    """Whatever it is, an error or a pong."""
    desk = desk_of(OPEN)
    (told,) = desk.say(desk.open(), text)
    assert told["event"] in ("error", "pong")
