"""What other services publish, kept in a store of one's own."""

from __future__ import annotations

import msgspec

from atoll.contracts import Message
from atoll.eventstore import EventStore, heard

MESSAGE = Message(id="m1", type="shop.Told.v1", source="shop", time=7.0, key="k", data=b'{"new":1}', request_id="r")


async def test_it_is_kept_as_it_was_told_whatever_is_known_of_its_fields() -> None:
    store = EventStore.memory()
    await store.append("k", [heard(MESSAGE)])
    (kept,) = await store.read("k")
    assert (kept.type, kept.data, kept.correlation) == (MESSAGE.type, MESSAGE.data, "r")
    assert kept.metadata == {"source": "shop", "time": 7.0}


async def test_it_is_kept_once_however_often_it_is_heard() -> None:
    store = EventStore.memory()
    for message in (MESSAGE, msgspec.structs.replace(MESSAGE, traceparent="another")):
        await store.append("k", [heard(message)])
    assert [each.id for each in await store.read("k")] == ["m1"]
