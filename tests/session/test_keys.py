"""Session: where its key comes from."""

from __future__ import annotations

import asyncio

import pytest
from venue import API_KEY, API_SECRET, urls_of

from connector.errors import KeyRefused
from connector.model.credentials import ApiKey, Credentials, KeyName, Secret
from connector.paper.venue import paper_server
from connector.session import Session


class CloudStore:
    """A provider object, as users write one."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self.asked: list[KeyName] = []

    def load(self, key: KeyName) -> Credentials:
        """The key."""
        self.asked.append(key)
        return Credentials(api_key=ApiKey(API_KEY), secret=Secret(self._secret))


@pytest.mark.parametrize("secret", [API_SECRET, "wrong-secret-wrong-secret"])
def test_a_provider_object_signs_in(secret: str) -> None:
    """`Session(keys=...)` asks it by name, before every store, and uses its answer."""
    store = CloudStore(secret)

    async def body() -> None:
        async with (
            asyncio.timeout(60),
            paper_server(
                "binance-usdm", api_key=API_KEY, api_secret=API_SECRET
            ) as server,
            Session(
                "paper:binance", keys=store, endpoints=urls_of(server), journal="memory"
            ) as session,
        ):
            assert session.is_live

    if secret == API_SECRET:
        asyncio.run(body())
    else:
        with pytest.raises(KeyRefused):
            asyncio.run(body())
    assert [key.profile for key in store.asked] == ["paper:binance-usdm"]
