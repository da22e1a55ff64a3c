"""The till with bugs that users do write; torture must find each."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any

from atoll.gateway import Gateway
from atoll.saga.declare import ENGINE
from atoll.service import Service
from atoll.system import System
from tests.integration.torture.till import INVARIANTS, LOAD, LedgerService, Sale, Sold, TillService

LATE_SECONDS = 3.0
"""So long is what a kill destroys on its way: with customers there is always something."""

LEASE_SECONDS = 1.0
FLEETING_SECONDS = 0.3
"""A lease so short that nearly every stop outlasts it: one that comes while a worker holds SQLite's only writer's place
keeps the others from taking anything over."""

HOLD_SECONDS = 0.6


class Later:
    """Does things a little after the unit of work in hand, in another."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._after(work), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _after(self, work: Coroutine[Any, Any, None]) -> None:
        await asyncio.sleep(LATE_SECONDS)
        await work


class EarlyLedger(LedgerService):
    """Acknowledges a message before what it means is committed."""

    later = Later()

    async def earn(self, event: Sold) -> None:
        self.later(self._earn(event))

    async def _earn(self, event: Sold) -> None:
        async with self.db.transaction():
            await super().earn(event)


class LooseTill(TillService):
    """Emits its event outside of the transaction that it tells of."""

    later = Later()

    def tell(self, sale: Sale) -> None:
        self.later(self._tell(sale))

    async def _tell(self, sale: Sale) -> None:
        async with self.db.transaction():
            super().tell(sale)


class ForgetfulLedger(LedgerService):
    """Remembers no message, so that one that comes twice counts twice."""

    async def earn(self, event: Sold) -> None:
        await self.db.execute("DELETE FROM atoll_inbox")
        await super().earn(event)


class ForgetfulTill(TillService):
    """Forgets what it confirmed: the sale is written after the answer is under way."""

    later = Later()

    async def write(self, sale: Sale) -> Sale:
        self.later(self._write(sale))
        return sale

    async def _write(self, sale: Sale) -> None:
        async with self.db.transaction():
            await super().write(sale)


class BriskTill(TillService):
    """Holds a saga for a short time only; no bug."""

    lease = LEASE_SECONDS

    async def on_start(self) -> None:
        getattr(self, ENGINE).journal.lease_seconds = self.lease


class SlowLedger(LedgerService):
    """Takes its time, so that there is always a saga on its way; no bug."""

    async def hold(self, request: Sale) -> Sale:
        await asyncio.sleep(HOLD_SECONDS)
        return await super().hold(request)


class UnfencedTill(BriskTill):
    """Lets a worker that lost its saga to another write on: what the fence refuses is passed over."""

    lease = FLEETING_SECONDS

    async def on_start(self) -> None:
        await super().on_start()
        await self.db.engine.script(
            "CREATE TRIGGER IF NOT EXISTS no_fence BEFORE UPDATE OF lease_until ON atoll_sagas "
            "WHEN NEW.lease_until < 0 BEGIN SELECT RAISE(IGNORE); END"
        )


def _with(name: str, till: type[Service], ledger: type[Service], **more: Any) -> System:
    return System(name, services=[till, ledger], gateway=Gateway(), invariants=INVARIANTS, load=LOAD, **more)


early = _with("early", TillService, EarlyLedger)
loose = _with("loose", LooseTill, LedgerService)
forgetful = _with("forgetful", TillService, ForgetfulLedger)
unfenced = _with("unfenced", UnfencedTill, SlowLedger, replicas={"till": 2})
brisk = _with("brisk", BriskTill, SlowLedger, replicas={"till": 2})
hasty = _with("hasty", ForgetfulTill, LedgerService)
