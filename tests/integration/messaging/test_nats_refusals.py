"""A NATS server that could lose messages, or does not know us, is refused at the start with what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import nats
import pytest

from atoll.messaging import BrokerUnusable, open_queue
from atoll.messaging.nats.server import NatsServer


class ForeignServer(NatsServer):
    """One that somebody else has started, with its own settings."""

    def settings(self) -> dict[str, Any]:
        jetstream = {"store_dir": str(self.directory)}
        return {**super().settings(), "server_name": "theirs", "jetstream": jetstream}


class GuardedServer(NatsServer):
    """One that asks for a password."""

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "authorization": {"user": "shop", "password": "secret"}}


@pytest.fixture
async def foreign(tmp_path: Path) -> AsyncIterator[str]:
    server = ForeignServer(tmp_path)
    await server.start()
    yield server.url
    await server.stop()


async def test_a_server_that_is_not_known_to_flush_is_refused_unless_that_is_accepted(foreign: str) -> None:
    with pytest.raises(BrokerUnusable, match=r"set `sync_interval: always` .* ATOLL_UNSAFE=nats-sync-interval$"):
        await open_queue(foreign, namespace="shop")
    accepted = await open_queue(foreign, namespace="shop", unsafe={"nats-sync-interval"})
    await accepted.close()


async def test_a_lossy_stream_on_it_is_told_at_once(foreign: str) -> None:
    client = await nats.connect(foreign)
    await client.jetstream().add_stream(name="shop", subjects=["shop.>"], storage="memory")
    await client.close()
    with pytest.raises(BrokerUnusable) as caught:
        await open_queue(foreign, namespace="shop")
    stream, sync = str(caught.value).splitlines()
    assert "keeps its messages in memory" in stream
    assert "ATOLL_UNSAFE=nats-sync-interval" in sync


@pytest.mark.parametrize("credentials", ["", "shop:wrong@", "nobody:secret@"])
async def test_wrong_credentials_are_told_without_the_password(tmp_path: Path, credentials: str) -> None:
    server = GuardedServer(tmp_path)
    await server.start()
    with pytest.raises(BrokerUnusable, match="refused the user or the password; correct ATOLL_BROKER_URL") as caught:
        await open_queue(server.url.replace("//", f"//{credentials}"), namespace="shop")
    assert "secret" not in str(caught.value)
    accepted = await open_queue(server.url.replace("//", "//shop:secret@"), namespace="shop")
    await accepted.close()
    await server.stop()
