"""A process whose many writers say which events they have been told are stored; it is killed while they append."""

from __future__ import annotations

import asyncio
import os
import sys

from atoll.core.ids import new_id
from atoll.eventstore import EventStore, NewEvent

WRITERS = 32


async def main(url: str) -> None:
    store = await EventStore.open(url)

    async def write(writer: int) -> None:
        stream, count = f"{writer}-{new_id()}", 0
        while True:
            events = [NewEvent(type="happened") for _ in range(1 + count % 3)]
            appended = await store.append(stream, events, expected=count)
            count += len(events)
            position = f"{appended.position} {appended.version}"
            os.write(1, f"{position} {stream} {' '.join(each.id for each in events)}\n".encode())

    await asyncio.gather(*(write(writer) for writer in range(WRITERS)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
