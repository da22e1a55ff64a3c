"""A warm parent that has imported everything, from which processes are forked within milliseconds."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from atoll.system.wire import Exited, Failed, Lines, Module, Ready, Report, Spawn, decode_report, encode
from atoll.system.zygote import Zygote

ENGINES: Final = ("atoll.messaging.nats", "atoll.messaging.rabbitmq", "atoll.storage.postgres", "atoll.storage.sqlite")
"""What is otherwise imported when a URL asks for it."""


class Life:
    """One process: `ready` has the addresses of its services, `ended` its exit code."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[Mapping[str, str]] = loop.create_future()
        self.ended: asyncio.Future[int] = loop.create_future()
        self.pid = 0

    def kill(self) -> None:
        """End it now; the warm parent has not reaped it as long as `ended` is open."""
        if self.pid and not self.ended.done():
            os.kill(self.pid, signal.SIGKILL)


class Nursery:
    """The test's end of the line to the warm parent."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._lives: dict[str, Life] = {}
        self._numbers = itertools.count()

    def begin(self, environ: Mapping[str, str], log: Path) -> Life:
        """Fork a process of its own."""
        key = str(next(self._numbers))
        self._lives[key] = life = Life()
        self._control.sendall(encode(Spawn(key=key, job=Module(module=""), environ=environ, log=str(log))))
        return life

    async def listen(self) -> None:
        """Hear what becomes of them, until cancelled."""
        lines, loop = Lines(), asyncio.get_running_loop()
        self._control.setblocking(False)
        while data := await loop.sock_recv(self._control, 65536):
            for line in lines.feed(data):
                self._hear(decode_report(line))

    def _hear(self, report: Report) -> None:
        life = self._lives[report.key]
        match report:
            case Ready(addresses=addresses):
                life.ready.set_result(addresses)
            case Exited(code=code):
                life.ready.cancel()
                life.ended.set_result(code)
            case Failed(message=message):
                raise RuntimeError(message)
            case _:
                life.pid = report.pid


@asynccontextmanager
async def nursery() -> AsyncGenerator[Nursery]:
    """Start the warm parent; it and its processes are gone at the end."""
    ours, theirs = socket.socketpair()
    command = (sys.executable, "-m", "tests.crash.nursery", str(theirs.fileno()))
    process = await asyncio.create_subprocess_exec(*command, pass_fds=[theirs.fileno()])
    theirs.close()
    made = Nursery(ours)
    listening = asyncio.create_task(made.listen())
    try:
        yield made
    finally:
        listening.cancel()
        ours.close()
        await process.wait()


if __name__ == "__main__":
    for engine in ENGINES:
        importlib.import_module(engine)
    from tests.crash import child

    Zygote(child.run, socket.socket(fileno=int(sys.argv[1]))).serve()
