"""Envoy as a child process: started, told the endpoints, watched until it has applied them, stopped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Final

from atoll.core.process import end
from atoll.gateway.admin import Admin
from atoll.gateway.errors import EnvoyFailed, GatewayError
from atoll.gateway.files import last_words, write_files
from atoll.gateway.render import Endpoints, File, render, render_endpoints
from atoll.gateway.render.clusters import reachable
from atoll.gateway.snapshot import Snapshot
from atoll.gateway.spawn import ADMIN_FILE, refuse_taken_port, spawn

START_SECONDS: Final = 20.0
APPLY_SECONDS: Final = 5.0
STOP_SECONDS: Final = 5.0
_POLL: Final = 0.005
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}

_logger = logging.getLogger(__name__)


class EnvoyProcess:
    """The gateway's Envoy, with its configuration below `directory` and everything it says in `log`.

    A named port is taken or PortTaken is raised; a free one is kept from the first `start` on, so that Envoy can
    be started again after it ended. `preexec` is run in the child before the program, for what only the caller
    can decide (a signal for when the parent dies). Any number of them run side by side in directories of their own.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        directory: Path,
        *,
        log: Path | None = None,
        concurrency: int = 2,
        preexec: Callable[[], None] | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.directory = directory
        self.log = log or directory / "envoy.log"
        self.port = snapshot.gateway.port or 0
        self._concurrency = concurrency
        self._preexec = preexec
        self._endpoints: Endpoints = {}
        self._written: dict[str, File] = {}
        self._lock = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._admin: Admin | None = None
        self._log_start = 0
        self._refused = 0

    @property
    def url(self) -> str:
        """Where to reach it from this machine, once started."""
        host = _EVERYWHERE.get(self.snapshot.gateway.host, self.snapshot.gateway.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def pid(self) -> int:
        """The process id. Raises EnvoyFailed when it was never started."""
        return self._started().pid

    async def start(self, endpoints: Endpoints | None = None) -> None:
        """Start with `endpoints` (the last known ones when not given) and wait until it takes requests.

        Raises PortTaken, and EnvoyFailed with Envoy's own last words.
        """
        async with self._lock:
            self._know(self._endpoints if endpoints is None else endpoints)
            refuse_taken_port(self.snapshot.gateway.host, self.port)
            await self._forget_admin()
            files = render(self.snapshot, self._endpoints, port=self.port)
            self._write(files)
            self._log_start = self.log.stat().st_size if self.log.exists() else 0
            self._process = await spawn(self.directory, self.log, self._concurrency, self._preexec)
            try:
                async with asyncio.timeout(START_SECONDS):
                    await self._settle(self._process, files)
            except BaseException as error:
                await self.stop(grace=0.0)
                if isinstance(error, TimeoutError):
                    raise self._failure(f"Envoy was not ready within {START_SECONDS:g} s") from error
                raise

    async def ready(self) -> bool:
        """Tell whether Envoy takes requests now."""
        try:
            return self._admin is not None and await self._admin.ready()
        except EnvoyFailed:
            return False

    async def apply(self, endpoints: Endpoints) -> None:
        """Route to `endpoints` from now on; returns when Envoy does so. Requests under way are not disturbed.

        Services that are left out have no instances; instances that are not at an IP address are passed over with
        a warning. Idempotent. When it raises EnvoyFailed, Envoy goes on with the endpoints it had, and the new ones
        are used at the next `start`.
        """
        async with self._lock:
            files = render_endpoints(self.snapshot, endpoints)
            self._know(endpoints)
            self._write([each for each in files if self._written.get(each.path) != each])
            try:
                async with asyncio.timeout(APPLY_SECONDS):
                    await self._wait_applied(files)
            except TimeoutError as error:
                raise self._failure(f"Envoy did not apply the new endpoints within {APPLY_SECONDS:g} s") from error

    async def wait(self) -> int:
        """Wait until the process has ended; return its exit code, negative for a signal."""
        return await self._started().wait()

    async def stop(self, *, grace: float = STOP_SECONDS) -> None:
        """Take no new connections, let requests under way finish for `grace` seconds, and end it. Idempotent."""
        if (process := self._process) is not None and process.returncode is None:
            await self._drain(grace)
            await end(process, STOP_SECONDS)
        await self._forget_admin()

    async def __aenter__(self) -> EnvoyProcess:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _know(self, endpoints: Endpoints) -> None:
        self._endpoints = dict(endpoints)
        for each in chain.from_iterable(endpoints.get(service, ()) for service in self.snapshot.reached):
            if not reachable(each):
                _logger.warning("instance %s is passed over: %s is not an IP address and a port", each.id, each.address)

    def _write(self, files: Sequence[File]) -> None:
        write_files(self.directory, files)
        self._written |= {each.path: each for each in files}

    async def _settle(self, process: asyncio.subprocess.Process, files: Sequence[File]) -> None:
        self._refused = 0
        await self._wait_ready(process)
        await self._wait_applied(files)
        self.port = await self._administrator().port()

    async def _wait_ready(self, process: asyncio.subprocess.Process) -> None:
        address = self.directory / ADMIN_FILE
        while process.returncode is None:
            if self._admin is None and address.exists() and (text := address.read_text()):
                self._admin = Admin(text)
            if await self.ready():
                return
            await asyncio.sleep(_POLL)
        raise self._failure("Envoy did not start")

    async def _wait_applied(self, files: Sequence[File]) -> None:
        wanted = {each.stat: each.version for each in files if each.stat}
        while wanted:
            versions, refused = await self._administrator().changes()
            if wanted.items() <= versions.items():
                return
            if refused > self._refused:
                self._refused = refused
                raise self._failure("Envoy refused the configuration")
            await asyncio.sleep(_POLL)

    async def _drain(self, grace: float) -> None:
        if self._admin is None or not grace:
            return
        try:
            async with asyncio.timeout(grace):
                await self._admin.drain()
                while await self._admin.active():  # noqa: ASYNC110 - Envoy offers nothing to wait on
                    await asyncio.sleep(_POLL)
        except (TimeoutError, GatewayError):
            return

    async def _forget_admin(self) -> None:
        if self._admin is not None:
            await self._admin.close()
            self._admin = None

    def _administrator(self) -> Admin:
        if self._admin is None:
            raise EnvoyFailed("Envoy is not running")
        return self._admin

    def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise EnvoyFailed("Envoy was not started yet")
        return self._process

    def _failure(self, what: str) -> EnvoyFailed:
        return EnvoyFailed(what, last_words(self.log, since=self._log_start))
