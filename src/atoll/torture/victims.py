"""The processes of a running system, found anew each time, because torture changes them."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from atoll.clients import CallError, HTTPTransport
from atoll.clients.port import Request
from atoll.discovery import Instance
from atoll.system import ProcessState, RunningSystem
from atoll.system.errors import NotRunning
from atoll.torture.injury import Injury
from atoll.torture.orphans import Orphans

POLL_SECONDS: Final = 0.05
ASK_SECONDS: Final = 2.0


class Victims:
    """Finds and asks the processes of `system`."""

    def __init__(self, system: RunningSystem, transport: HTTPTransport) -> None:
        self._system = system
        self._transport = transport

    def all(self) -> dict[str, ProcessState]:
        """Every process that may be hurt, by label: services, programs and engines, but not the supervisor."""
        return {each.label: each for each in self._system.state.processes if each.kind != "supervisor"}

    def services(self) -> list[str]:
        """The labels of the services' processes."""
        return [name for name, each in self.all().items() if each.kind == "service"]

    def replicas(self) -> list[str]:
        """The labels of those processes beside which there are others of the same service."""
        return [name for name, each in self.all().items() if each.kind == "service" and each.instance]

    def service_of(self, name: str) -> str:
        """Return the service that the process called `name` is of; empty for anything else."""
        found = self.all().get(name)
        return found.name if found is not None and found.kind == "service" else ""

    def hold(self, name: str) -> None:
        """Have the process called `name` stay away when it ends, until `release`."""
        self._system.hold(name)

    def release(self, name: str) -> None:
        """Have the process called `name` started again."""
        self._system.release(name)

    def orphans_of(self, injury: Injury) -> Orphans:
        """Return the sagas that the replica which was hurt leaves, seen by the others of its service."""
        victim = self.all()[injury.fault.target]
        return Orphans(self._system.state.system, victim, injury, partial(self._ask_another, victim))

    async def _ask_another(self, victim: ProcessState, path: str) -> bytes | None:
        replicas = [name for name, each in self.all().items() if each.name == victim.name and name != victim.label]
        for name in replicas:
            if (body := await self.ask(name, path)) is not None:
                return body
        return None

    async def caught(self, name: str, *, patience: float) -> int:
        """Return the process of `name`, once it has one. Raises NotRunning when it has none for `patience` seconds."""
        until = asyncio.get_running_loop().time() + patience
        while not (pid := self._pid(name)):
            if asyncio.get_running_loop().time() >= until:
                raise NotRunning(f"{name} had no process for {patience:g} s")
            await asyncio.sleep(POLL_SECONDS)
        return pid

    async def ready(self, name: str, *, killed: int = 0) -> None:
        """Return when `name` answers in another process than `killed`.

        A service answers that it is ready; of anything else a connection is enough.
        """
        while not await self._answers(name, killed):  # noqa: ASYNC110 - it happens in other processes
            await asyncio.sleep(POLL_SECONDS)

    async def ask(self, name: str, path: str) -> bytes | None:
        """Return what a service answers to GET `path`; None when it does not, or not with 200."""
        found = self.all().get(name)
        if found is None or not found.address:
            return None
        try:
            request = Request(method="GET", target=path, replayable=True)
            reply = await self._transport.send(_instance(found), request, timeout=ASK_SECONDS)
        except CallError:
            return None
        return reply.body if reply.status == 200 else None

    async def _answers(self, name: str, killed: int) -> bool:
        found = self.all().get(name)
        if found is None or found.condition != "ready" or not found.address or found.pid == killed:
            return False
        return await self.ask(name, "/readyz") is not None if found.kind == "service" else await _connects(found)

    def _pid(self, name: str) -> int:
        found = self.all().get(name)
        return found.pid if found is not None else 0


def _instance(process: ProcessState) -> Instance:
    host, _, port = process.address.rpartition(":")
    return Instance(id=process.label, service=process.name, host=host, port=int(port))


async def _connects(process: ProcessState) -> bool:
    found = _instance(process)
    try:
        async with asyncio.timeout(ASK_SECONDS):
            _, writer = await asyncio.open_connection(found.host, found.port)
    except OSError:
        return False
    writer.transport.abort()
    return True
