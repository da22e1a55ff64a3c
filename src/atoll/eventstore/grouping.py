"""Group commit: appends that come while a commit is under way share the next one.

Nobody waits for company: the first append is written at once, and the longest anybody waits is for the commit before
his own. Source: https://dev.mysql.com/doc/refman/8.4/en/optimizing-innodb-transaction-management.html names it so; the
idea is that of DeWitt et al., "Implementation techniques for main memory database systems" (1984).
"""

from __future__ import annotations

import asyncio
from typing import Final

from atoll.eventstore.port import EventLog, Outcome, Write
from atoll.storage import CommitUnknown, ConnectionLost, StatementFailed, TransactionConflict

LARGEST: Final = 500
"""Writes in one commit."""

ATTEMPTS: Final = 4
PAUSE_SECONDS: Final = 0.02
"""Before the second attempt; twice that before the third, and so on."""

_AGAIN: Final = (ConnectionLost, CommitUnknown, TransactionConflict)
"""What another attempt answers: what was written after all is found to be a repetition."""


class Grouping:
    """The appends of one process to one log."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._waiting: list[tuple[Write, asyncio.Future[Outcome]]] = []
        self._worker: asyncio.Task[None] | None = None

    def write(self, write: Write) -> asyncio.Future[Outcome]:
        """Run a write in a commit with others. One that is cancelled meanwhile may be written all the same."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Outcome] = loop.create_future()
        self._waiting.append((write, outcome))
        if self._worker is None:
            self._worker = loop.create_task(self._work())
        return outcome

    async def close(self) -> None:
        """Wait for the writes in hand."""
        while self._worker is not None:
            await asyncio.wait((self._worker,))

    async def _work(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(0)  # those that the last commit let go on may come along
                batch, self._waiting = self._waiting[:LARGEST], self._waiting[LARGEST:]
                await self._write([each for each in batch if not each[1].done()])
        finally:
            self._worker = None

    async def _write(self, batch: list[tuple[Write, asyncio.Future[Outcome]]]) -> None:
        if not batch:
            return
        try:
            outcomes = await self._outcomes([write for write, _ in batch])
        except StatementFailed as error:
            await self._one_by_one(batch, error)
        except BaseException as error:
            for _, waiting in batch:
                _fail(waiting, error)
            if not isinstance(error, Exception):
                raise
        else:
            for (_, waiting), outcome in zip(batch, outcomes, strict=True):
                if not waiting.done():
                    waiting.set_result(outcome)

    async def _outcomes(self, writes: list[Write]) -> list[Outcome]:
        for attempt in range(1, ATTEMPTS):
            try:
                return await self._log.writer.write(writes)
            except _AGAIN:
                await asyncio.sleep(PAUSE_SECONDS * attempt)
        return await self._log.writer.write(writes)

    async def _one_by_one(self, batch: list[tuple[Write, asyncio.Future[Outcome]]], error: StatementFailed) -> None:
        """Let nobody suffer for what another appends that the database refuses."""
        if len(batch) == 1 or isinstance(error, TransactionConflict):
            for _, waiting in batch:
                _fail(waiting, error)
        else:
            for each in batch:
                await self._write([each])


def _fail(outcome: asyncio.Future[Outcome], error: BaseException) -> None:
    if not outcome.done():
        outcome.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())
