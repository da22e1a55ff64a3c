"""An outbox relay as one writes it by hand: raw drivers, one loop, the documented calls.

The same table, durable commits and confirmed publications as Atoll's. It leaves out what makes the other one right: it
keeps no order within a key (it publishes a page at once), knows no other replica, no lease, no refused message, no
broker that lost its store, and it marks a page in the same loop that publishes.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import nats
from nats.js import JetStreamContext

T = TypeVar("T")

PAGE: Final = 500
STREAM: Final = "byhand"
SCHEMA: Final = """
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL, data BLOB NOT NULL,
    traceparent TEXT NOT NULL, sent_at REAL
);
CREATE INDEX outbox_pending ON outbox (seq) WHERE sent_at IS NULL;
"""


class HandmadeRelay:
    """Publishes the outbox at `path`; `published` gets the time of each id's confirmation."""

    def __init__(self, path: Path, url: str) -> None:
        self.published: dict[str, float] = {}
        self.committed = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._path = path
        self._url = url
        self._client: Any = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect to both engines."""
        self._db = await self._call(self._connect)
        self._client = await nats.connect(self._url)
        self._stream: JetStreamContext = self._client.jetstream()
        await self._stream.add_stream(name=STREAM, subjects=[f"{STREAM}.>"], storage="file")

    async def add(self, rows: list[tuple[str, str, bytes, str]]) -> None:
        """Commit messages: id, key, data, traceparent."""
        await self._call(self._add, rows)
        self.committed.set()

    def start(self) -> None:
        """Run until `close`."""
        self._task = asyncio.create_task(self._run())

    async def pause(self) -> None:
        """Stop publishing until the next `start`."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def close(self) -> None:
        """Stop, and disconnect."""
        await self.pause()
        await self._client.close()
        await self._call(self._db.close)
        self._thread.shutdown()

    async def _run(self) -> None:
        while True:
            self.committed.clear()
            while rows := await self._call(self._pending):
                await asyncio.gather(*(self._publish(*row[1:]) for row in rows))
                await self._call(self._mark, [(time.time(), row[0]) for row in rows])
            await self.committed.wait()

    async def _publish(self, message_id: str, key: str, data: bytes, traceparent: str) -> None:
        headers = {"Nats-Msg-Id": message_id, "ce-subject": key, "traceparent": traceparent}
        await self._stream.publish(f"{STREAM}.shop.bench.Happened.v1", data, headers=headers)
        self.published[message_id] = time.perf_counter()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.executescript(SCHEMA)
        return db

    def _add(self, rows: list[tuple[str, str, bytes, str]]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("INSERT INTO outbox (id, key, data, traceparent) VALUES (?, ?, ?, ?)", rows)
        self._db.execute("COMMIT")

    def _pending(self) -> list[Any]:
        sql = "SELECT seq, id, key, data, traceparent FROM outbox WHERE sent_at IS NULL ORDER BY seq LIMIT ?"
        return self._db.execute(sql, (PAGE,)).fetchall()

    def _mark(self, rows: list[tuple[float, int]]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("UPDATE outbox SET sent_at = ? WHERE seq = ?", rows)
        self._db.execute("COMMIT")

    async def _call(self, function: Any, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)
