from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from atoll.messaging import BrokerUnavailable, BrokerUnusable, MessageRefused
from atoll.messaging.nats.jetstream import ensure_stream, reset_consumer, store
from atoll.messaging.nats.link import NatsLink


class ScriptedLink(NatsLink):
    """Answers each request with the next of `replies`, and notes what was asked."""

    def __init__(self, *replies: dict[str, Any] | Exception) -> None:
        super().__init__("nats://broker:4222", name="test", prepare=self.close)
        self.replies = list(replies)
        self.asked: list[str] = []

    async def request(
        self, subject: str, data: bytes, *, timeout: float, headers: Mapping[str, str] | None = None
    ) -> Msg:
        self.asked.append(subject)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return Msg(_client=Client(), data=msgspec.json.encode(reply))


def error(code: int, description: str, err_code: int = 0) -> dict[str, Any]:
    return {"error": {"code": code, "err_code": err_code, "description": description}}


async def test_a_stream_that_is_there_is_left_as_it_is() -> None:
    link = ScriptedLink({"config": {"storage": "file", "retention": "limits"}})
    await ensure_stream(link, "shop")
    assert link.asked == ["$JS.API.STREAM.INFO.shop"]


async def test_a_stream_that_is_missing_is_made() -> None:
    link = ScriptedLink(error(404, "stream not found", 10059), {"config": {"storage": "file"}})
    await ensure_stream(link, "shop")
    assert link.asked == ["$JS.API.STREAM.INFO.shop", "$JS.API.STREAM.CREATE.shop"]


async def test_a_server_that_is_still_starting_may_be_asked_again() -> None:
    with pytest.raises(BrokerUnavailable, match="temporarily"):
        await ensure_stream(ScriptedLink(error(503, "temporarily unavailable")), "shop")


async def test_what_the_server_will_never_do_is_told_with_its_reason() -> None:
    with pytest.raises(BrokerUnusable, match="no permission"):
        await ensure_stream(ScriptedLink(error(403, "no permission")), "shop")


async def test_a_message_the_server_calls_bad_is_refused() -> None:
    with pytest.raises(MessageRefused, match="too large"):
        await store(ScriptedLink(error(400, "too large")), "shop.a", b"", {}, timeout=1.0)


async def test_a_message_the_server_has_no_room_for_may_be_tried_again() -> None:
    with pytest.raises(BrokerUnavailable, match="no space"):
        await store(ScriptedLink(error(503, "no space")), "shop.a", b"", {}, timeout=1.0)


async def test_a_server_that_cannot_reset_consumers_is_lived_with() -> None:
    assert not await reset_consumer(ScriptedLink(BrokerUnavailable("no answer")), "shop", "g")
    assert not await reset_consumer(ScriptedLink(error(404, "unknown")), "shop", "g")
