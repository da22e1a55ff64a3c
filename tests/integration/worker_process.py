"""A module run as a process of its own, which tells what it does in lines and is told when to go on."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


class WorkerProcess:
    """What a test says to the process and hears from it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def tells(self, text: str) -> str:
        """Return the next line with `text` in it."""
        assert self.process.stdout is not None
        async with asyncio.timeout(20):
            while text not in (line := (await self.process.stdout.readline()).decode()):
                assert line, "the worker has ended"
        return line

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())

    def send(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    async def dies(self) -> None:
        """Kill it, and return when it is gone."""
        self.send(signal.SIGKILL)
        await self.process.wait()


@asynccontextmanager
async def working(module: str, *arguments: object) -> AsyncIterator[WorkerProcess]:
    """Run `module` with `arguments`, at the longest until the end of the block."""
    command, pipe = (sys.executable, "-m", module, *map(str, arguments)), asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe)
    try:
        yield WorkerProcess(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
