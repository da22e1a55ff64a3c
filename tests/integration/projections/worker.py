"""A process that projects until it is stopped or killed; it tells when it is at the event it is to halt at.

python -m tests.integration.projections.worker DATABASE_URL OWNER LEASE_SECONDS [HALT_AT]
"""

from __future__ import annotations

import asyncio
import logging
import sys

from atoll.contracts import Event
from atoll.eventstore import EventStore
from atoll.projections import Projection, ProjectionEngine, View, projects
from atoll.storage import Database


class Counted(Event, event_type="test.Counted.v1"):
    number: int


class Seen(Event, event_type="test.Seen.v1"):
    number: int


class Counts(Projection):
    """Keeps every number once: a second time it would fail."""

    tables = "CREATE TABLE {counts} (number BIGINT PRIMARY KEY)"
    batch = 100

    def __init__(self, halt_at: int = 0) -> None:
        self.halt_at = halt_at
        self.gate = asyncio.Event()

    @projects(Counted)
    async def counted(self, event: Counted, view: View) -> None:
        if event.number == self.halt_at:
            tell(f"at {event.number}")
            await self.gate.wait()
        await view.execute("INSERT INTO {counts} (number) VALUES ($1)", event.number)
        view.emit(Seen(number=event.number))


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main(url: str, owner: str, lease: str, halt_at: str = "0") -> None:
    view = Counts(int(halt_at))
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), view.gate.set)
    db = await Database.open(url)
    engine = ProjectionEngine(db, await EventStore.over(db), [view], owner=owner, lease_seconds=float(lease))
    await engine.start()
    tell("started")
    await asyncio.Event().wait()


class Telling(logging.Handler):
    """Tells what the projections log on standard output."""

    def emit(self, record: logging.LogRecord) -> None:
        tell(record.getMessage())


if __name__ == "__main__":
    logging.getLogger("atoll.projections").addHandler(Telling())
    logging.getLogger("atoll.projections").setLevel(logging.INFO)
    asyncio.run(main(*sys.argv[1:]))
