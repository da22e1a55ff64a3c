"""Keeps a real engine (the broker, the gateway's Envoy) running as a child of the supervisor."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from atoll.core import AtollError, Clock
from atoll.system.restart import RestartPolicy, Restarts
from atoll.system.state import Condition, ProcessState

_logger = logging.getLogger(__name__)


class Engine(Protocol):
    """A program that can be started again on the same address."""

    @property
    def pid(self) -> int:
        """Its process, once started."""
        ...

    @property
    def url(self) -> str:
        """Where it listens, once started."""
        ...

    @property
    def log(self) -> Path:
        """The file it writes to."""
        ...

    async def start(self) -> None:
        """Return when it takes connections."""
        ...

    async def wait(self) -> int:
        """Return its exit code when it has ended."""
        ...

    async def stop(self) -> None:
        """End it. Idempotent."""
        ...


class KeptEngine:
    """An engine that is started again, with backoff, whenever it ends unasked.

    `changed` is called after every change, `ended` with name and exit code when it ended unasked. `begin` starts
    it, each time, in place of its own `start`.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        *,
        clock: Clock,
        policy: RestartPolicy,
        changed: Callable[[], None],
        ended: Callable[[str, int], None],
        begin: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.name = name
        self.engine = engine
        self.condition: Condition = "starting"
        self._clock = clock
        self._restarts = Restarts(policy)
        self._changed = changed
        self._ended = ended
        self._start_engine = begin or engine.start
        self._started = 0.0
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Its process, 0 while there is none."""
        return self.engine.pid if self.condition in ("ready", "stopping") else 0

    async def start(self) -> None:
        """Start it for the first time. What it raises is what it cannot be started for."""
        await self._begin()
        self._task = asyncio.create_task(self._keep(), name=f"keep-{self.name}")

    async def stop(self) -> None:
        """End it and let it be. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._become("stopping")
        await self.engine.stop()
        self._become("stopped")

    def state(self) -> ProcessState:
        """What it looks like from outside."""
        return ProcessState(
            name=self.name,
            kind="engine",
            pid=self.pid,
            condition=self.condition,
            address=self.engine.url.partition("//")[2] if self.pid else "",
            restarts=self._restarts.total,
            started=self._started,
            log=str(self.engine.log),
        )

    async def _begin(self) -> None:
        await self._start_engine()
        self._started = self._clock.now()
        self._become("ready")

    async def _keep(self) -> None:
        while True:
            code = await self.engine.wait()
            self._become("waiting")
            self._ended(self.name, code)
            await self._clock.sleep(self._restarts.ended(self._clock.now() - self._started))
            await self._revive()

    async def _revive(self) -> None:
        while self.condition == "waiting":
            try:
                await self.engine.stop()  # what is left of the one before
                await self._begin()
            except (AtollError, OSError):
                _logger.exception("%s could not be started again", self.name)
                await self._clock.sleep(self._restarts.ended(0.0))

    def _become(self, condition: Condition) -> None:
        self.condition = condition
        self._changed()
