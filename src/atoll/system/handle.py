"""A system run for a test, a demo or a benchmark: started, used through its addresses, hurt, and stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

from atoll.discovery import ServiceRegistry, open_registry
from atoll.system.declaration import System
from atoll.system.directory import StateDirectory
from atoll.system.errors import NotRunning, StartFailed
from atoll.system.instructions import Hold, Instruction, Release, encode_instruction
from atoll.system.progress import Progress, Refusal, Up, decode_progress
from atoll.system.replicas import text_of
from atoll.system.state import State
from atoll.system.target import load_system, target_of

POLL_SECONDS: Final = 0.02
STOP_SECONDS: Final = 45.0


class RunningSystem:
    """A system that runs as processes of its own. What is there may be asked from any loop.

    A process is called by its name, and a replica by its service's name and its number: `order-2`.
    """

    def __init__(self, directory: StateDirectory, up: Up, instruct: Callable[[Instruction], None]) -> None:
        self.directory = directory
        self.started_in = up.seconds
        self._instruct = instruct
        self._killed: dict[str, int] = {}

    @property
    def state(self) -> State:
        """The system as it is now."""
        return self.directory.read()

    @property
    def gateway_url(self) -> str:
        """Where users come in; empty for a system without a gateway."""
        return self.state.gateway_url

    @property
    def registry_url(self) -> str:
        """The registry, as ATOLL_REGISTRY_URL has it."""
        return self.state.registry_url

    @property
    def broker_url(self) -> str:
        """The broker, as ATOLL_BROKER_URL has it."""
        return self.state.broker_url

    @property
    def pids(self) -> dict[str, int]:
        """The process of each service, program and engine that has one now; the supervisor's two as well."""
        return {each.label: each.pid for each in self.state.processes if each.pid}

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Send a signal to the process called `name` and return its pid. Raises NotRunning when it has none."""
        pid = self.pids.get(name, 0)
        if not pid:
            raise NotRunning(f"{name} has no process now; there are {', '.join(self.pids)}")
        os.kill(pid, number)
        self._killed[name] = pid
        return pid

    def hold(self, name: str) -> None:
        """Have the service or program called `name` stay away when it ends, until `release`.

        Only from the loop of the block that runs the system.
        """
        self._instruct(Hold(name=name))

    def release(self, name: str) -> None:
        """Have the service or program called `name` started again. Idempotent; only from the loop of the block."""
        self._instruct(Release(name=name))

    async def wait_healthy(self, name: str, *, timeout: float = 30.0) -> None:
        """Return when the process called `name` is ready, in a new process if it was killed here.

        A service is ready when the registry passes it. Raises TimeoutError after `timeout` seconds.
        """
        registry = open_registry(self.registry_url)
        try:
            async with asyncio.timeout(timeout):
                while not await self._healthy(name, registry):  # noqa: ASYNC110 - it happens in other processes
                    await asyncio.sleep(POLL_SECONDS)
        finally:
            await registry.close()

    async def _healthy(self, name: str, registry: ServiceRegistry) -> bool:
        process = self.state.process(name)
        if process is None or process.condition != "ready" or process.pid == self._killed.get(name):
            return False
        if process.kind != "service":
            return True
        return any(each.id == process.registered_as for each in await registry.discover(process.name))


@asynccontextmanager
async def running(
    system: System | str,
    *,
    directory: Path,
    single: bool = False,
    replicas: Mapping[str, int] | None = None,
    gateway_port: int | None = None,
    start_seconds: float | None = None,
    environ: Mapping[str, str] | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> AsyncGenerator[RunningSystem]:
    """Run `system`, or the one that MODULE:SYSTEM names, with its state below `directory`; stop it at the end.

    It runs as processes of their own, which end too when this one does. `environ` is added to this process's.
    `replicas` says for a service how many processes it has, where that is not what the system declares.
    Raises StartFailed with the system's own sentence when it cannot start.
    """
    target = system if isinstance(system, str) else target_of(system)
    name = (load_system(target) if isinstance(system, str) else system).name
    arguments = [target, "--directory", str(directory), *(["--single"] if single else [])]
    arguments += ["--replicas", text_of(replicas)] if replicas else []
    arguments += ["--gateway-port", str(gateway_port)] if gateway_port else []
    arguments += ["--start-seconds", str(start_seconds)] if start_seconds else []
    process = await _spawn(arguments, environ or {})
    said = _said(process, on_progress)
    try:
        up = await _until_up(said)
        hearing = asyncio.create_task(_hear_out(said))
        yield RunningSystem(StateDirectory(directory, name), up, partial(_instruct, process))
        await _stop(process)
        await hearing
    finally:
        await _stop(process)


async def _spawn(arguments: Sequence[str], environ: Mapping[str, str]) -> Process:
    """Start the supervisor; it has the modules that we have, and stops when its standard input closes."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "atoll.system", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environ},
        start_new_session=True,
    )


async def _said(process: Process, on_progress: Callable[[Progress], None]) -> AsyncIterator[Progress]:
    """What the supervisor says, to its end."""
    while process.stdout is not None and (line := await process.stdout.readline()):
        progress = decode_progress(line)
        on_progress(progress)
        yield progress


def _instruct(process: Process, instruction: Instruction) -> None:
    if process.stdin is not None and not process.stdin.is_closing():
        process.stdin.write(encode_instruction(instruction))


async def _until_up(said: AsyncIterator[Progress]) -> Up:
    async for progress in said:
        match progress:
            case Up():
                return progress
            case Refusal(text=text):
                raise StartFailed(text)
            case _:
                pass
    raise StartFailed("the supervisor ended before the system was up; what it printed says why")


async def _hear_out(said: AsyncIterator[Progress]) -> None:
    async for _ in said:
        pass


async def _stop(process: Process) -> None:
    """Let go of the supervisor, which stops all, and wait for it. Idempotent."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()  # its children end with it
        await process.wait()
