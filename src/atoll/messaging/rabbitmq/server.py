"""A RabbitMQ of our own: the installed one, run as a child process on a directory and a port of its own.

For tests and torture, which kill it. It is no part of `atoll up`, because no wheel carries RabbitMQ and Erlang.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

from atoll.core.process import end
from atoll.messaging.errors import BrokerUnusable, MessagingError

HOST: Final = "127.0.0.1"
START_SECONDS: Final = 90.0
STOP_SECONDS: Final = 20.0
SYSTEM_PATH: Final = "/usr/sbin:/usr/local/sbin"
"""Where packages put servers, and where the path of an ordinary user does not look."""
_POLL: Final = 0.05
_STARTED: Final = b" completed with "


class RabbitMQServer:
    """A node that keeps everything under `directory`, with the user and password `guest`.

    `port` 0 takes a free one, which a later `start` keeps. `preexec` is run in the child before the program, for
    what only the caller can decide (a signal for when the parent dies).
    """

    def __init__(self, directory: Path, *, port: int = 0, preexec: Callable[[], None] | None = None) -> None:
        self.directory = directory.resolve()
        self.port = port
        self.node = f"atoll-{sha256(str(self.directory).encode()).hexdigest()[:12]}@localhost"
        self._preexec = preexec
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where it listens, once started."""
        return f"amqp://guest:guest@{HOST}:{self.port}/"

    @property
    def pid(self) -> int:
        """The process id. Raises MessagingError when it was never started."""
        return self._started().pid

    @property
    def log(self) -> Path:
        """The file with everything the server wrote."""
        return self.directory / "rabbitmq.log"

    async def start(self) -> None:
        """Start and wait until it takes connections. Raises BrokerUnusable when it does not."""
        program = find_rabbitmq()
        self.port = self.port or _free_port()
        self._configure()
        with self.log.open("ab") as log:
            seen = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                str(program / "rabbitmq-server"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                start_new_session=True,
                preexec_fn=self._preexec,
            )
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._listening(self._process, seen)
        except TimeoutError:
            await self.stop(grace=0.0)
            raise BrokerUnusable(f"RabbitMQ was not ready within {START_SECONDS:g} s; see {self.log}") from None

    async def control(self, *arguments: str) -> str:
        """Run rabbitmqctl on the node; return what it wrote. Raises MessagingError when it fails."""
        process = await asyncio.create_subprocess_exec(
            str(find_rabbitmq() / "rabbitmqctl"),
            "--quiet",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment(),
        )
        written, _ = await process.communicate()
        if process.returncode:
            raise MessagingError(f"rabbitmqctl {' '.join(arguments)} failed: {written.decode(errors='replace')}")
        return written.decode(errors="replace")

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

    def settings(self) -> dict[str, str]:
        """Return the lines of the server's configuration."""
        return {"listeners.tcp.local": f"{HOST}:{self.port}"}

    def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise MessagingError("RabbitMQ was not started yet")
        return self._process

    def _configure(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        lines = [f"{name} = {value}\n" for name, value in self.settings().items()]
        (self.directory / "rabbitmq.conf").write_text("".join(lines))
        (self.directory / "plugins").write_text("[].\n")

    def _environment(self) -> dict[str, str]:
        """Return the variables of the node: everything in its directory, Erlang's port mapper on this host alone.

        With input allowed the start script becomes the server instead of staying its parent, and so is what a
        signal reaches.
        """
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ_")}
        return inherited | {
            "HOME": str(self.directory),
            "ERL_CRASH_DUMP": str(self.directory / "erl_crash.dump"),
            "ERL_EPMD_ADDRESS": HOST,
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_DIST_PORT": str(_free_port()),
            "RABBITMQ_MNESIA_BASE": str(self.directory / "data"),
            "RABBITMQ_LOG_BASE": str(self.directory / "logs"),
            "RABBITMQ_CONFIG_FILE": str(self.directory / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.directory / "plugins"),
            "RABBITMQ_ALLOW_INPUT": "1",
            "RABBITMQ_SERVER_START_ARGS": "-noinput",
        }

    async def _listening(self, process: asyncio.subprocess.Process, seen: int) -> None:
        """Wait until the server says, after the first `seen` bytes of its log, that it has started."""
        while process.returncode is None:
            if _STARTED in self.log.read_bytes()[seen:]:
                return
            await asyncio.sleep(_POLL)
        raise BrokerUnusable(f"RabbitMQ did not start; see {self.log}")


def find_rabbitmq() -> Path:
    """Return the directory of RabbitMQ's programs. Raises BrokerUnusable when it is not installed.

    Debian puts a script on the path that changes the user; the programs themselves are beside it.
    """
    if (found := shutil.which("rabbitmq-server", path=f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}")) is None:
        raise BrokerUnusable("there is no RabbitMQ on this machine; install the package rabbitmq-server")
    return Path(found).resolve().parent


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
