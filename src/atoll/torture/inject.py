"""How each kind of fault is done to a running system."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from atoll.contracts import Message
from atoll.core import AtollError
from atoll.messaging import MessagingError
from atoll.torture.engines import Broker
from atoll.torture.errors import TortureError
from atoll.torture.injury import Injury
from atoll.torture.link import Link
from atoll.torture.orphans import PERIODS
from atoll.torture.schedule import Fault, Kind
from atoll.torture.victims import Victims

PATIENCE: Final = 30.0
"""Seconds that a fault waits for its target to be there."""
RECOVERY_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 0.2


class Injector:
    """Does faults to a system. Those of one target wait for each other, so that each is what it says.

    `lease` is how long, in seconds, a dead replica holds its sagas.
    """

    def __init__(
        self,
        victims: Victims,
        *,
        links: Mapping[str, Link],
        broker: Broker | None,
        publish: Callable[[Sequence[Message]], Awaitable[None]],
        lease: float,
    ) -> None:
        self._victims = victims
        self._links = links
        self._broker = broker
        self._publish = publish
        self._down_seconds = (PERIODS + 0.5) * lease
        self._turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._ways: dict[Kind, Callable[[Injury], Awaitable[None]]] = {
            "kill": self._kill,
            "down": self._keep_down,
            "stop": self._stop,
            "broker": self._crash,
            "cut": self._hurt_link,
            "silence": self._hurt_link,
            "delay": self._hurt_link,
            "duplicate": self._duplicate,
        }

    async def inject(self, fault: Fault) -> Injury:
        """Do `fault`, wait until what it hurt is ready again, and return what became of it. Cancellable: it heals."""
        injury = Injury(fault, self._victims.service_of(fault.target))
        try:
            async with self._turns[fault.target]:
                injury.began = injury.lifted = time.monotonic()
                await self._ways[fault.kind](injury)
            if fault.kind in ("kill", "down", "stop"):
                await self._recovery(injury)
        except (AtollError, OSError) as error:
            injury.failure = str(error)
        return injury

    async def _recovery(self, injury: Injury) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(RECOVERY_SECONDS):
                await self._victims.ready(injury.fault.target, killed=injury.killed)
                injury.ready = time.monotonic()

    async def _kill(self, injury: Injury) -> None:
        injury.killed = await self._victims.caught(injury.fault.target, patience=PATIENCE)
        injury.began = injury.lifted = time.monotonic()
        _signal(injury.killed, signal.SIGKILL)

    async def _keep_down(self, injury: Injury) -> None:
        """One replica of a service at a time, so that there is always one to take over."""
        fault = injury.fault
        async with self._turns[injury.service]:
            self._victims.hold(fault.target)
            try:
                orphans = self._victims.orphans_of(injury)
                await orphans.find()
                await self._kill(injury)
                await orphans.watch(least=fault.seconds, most=self._down_seconds)
            finally:
                self._victims.release(fault.target)
                injury.lifted = time.monotonic()

    async def _stop(self, injury: Injury) -> None:
        pid = await self._victims.caught(injury.fault.target, patience=PATIENCE)
        injury.began = time.monotonic()
        _signal(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(injury.fault.seconds)
        finally:
            _signal(pid, signal.SIGCONT)
            injury.lifted = time.monotonic()

    async def _crash(self, injury: Injury) -> None:
        """The broker then has as long as it was away before its next fault, or a slow one would never be there."""
        if (broker := self._broker) is None:
            return
        await broker.crash()
        try:
            await asyncio.sleep(injury.fault.seconds)
        finally:
            injury.lifted = time.monotonic()
            await broker.start()
        injury.ready = time.monotonic()
        await asyncio.sleep(injury.ready - injury.began)

    async def _hurt_link(self, injury: Injury) -> None:
        fault = injury.fault
        link = self._links[fault.target]
        match fault.kind:
            case "cut":
                link.cut()
            case "silence":
                link.silence()
            case _:
                link.delay = fault.amount
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            link.mend()
            injury.lifted = time.monotonic()

    async def _duplicate(self, injury: Injury) -> None:
        until = time.monotonic() + PATIENCE
        while not await self._repeat(injury):
            if time.monotonic() >= until:
                raise TortureError(f"no message could be published again in {PATIENCE:g} s")
            await asyncio.sleep(RETRY_SECONDS)
        injury.began = injury.lifted = time.monotonic()

    async def _repeat(self, injury: Injury) -> bool:
        """Publish the newest of what was published once more; False when nobody or the broker can now."""
        asked = (self._victims.ask(name, "/_atoll/outbox") for name in self._victims.services())
        bodies = [body for body in await asyncio.gather(*asked) if body is not None]
        published = {each.id: each for body in bodies for each in msgspec.json.decode(body, type=list[Message])}
        messages = sorted(published.values(), key=lambda each: -each.time)[: int(injury.fault.amount)]
        try:
            await self._publish(messages)
        except MessagingError:
            return False
        injury.repeated = len(messages)
        return bool(messages)


def _signal(pid: int, number: int) -> None:
    """Send a signal to a process that may have ended by itself meanwhile."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)
