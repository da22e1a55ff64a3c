"""An operator, and torture, may ask a service what it has published."""

from __future__ import annotations

import msgspec

from atoll.contracts import Message
from tests.integration.service.conftest import Platform, eventually
from tests.integration.service.library import Lent, LibraryService


async def test_what_was_published_is_shown_whole_and_newest_first(platform: Platform) -> None:
    library = await platform.start(LibraryService)
    for book in ("Emma", "Dune"):
        await platform.request("POST", library, "/loans", json={"book": book, "member": "ada"})
    found: list[Message] = []

    async def both_published() -> bool:
        reply = await platform.request("GET", library, "/_atoll/outbox")
        found[:] = msgspec.json.decode(reply.content, type=list[Message])
        return len(found) == 2

    await eventually(both_published)
    assert [each.decode(Lent).book for each in found] == ["Dune", "Emma"]
