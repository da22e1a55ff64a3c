"""Starts the handmade shop: broker, card network, mail server, services, gateway; and stops all of it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from aiohttp import ClientSession
from contestant import Contestant, Failed, Process

from atoll.discovery import Instance
from atoll.gateway import EnvoyProcess, compile_routes
from atoll.messaging.nats.server import NatsServer
from atoll.system.lifeline import lifeline
from atoll.system.ports import LOOPBACK, free_port
from shop.system import shop

SERVICES = ("auth", "order", "inventory", "payment", "shipping", "catalog", "notification", "analytics", "audit")
START_SECONDS = 60.0
STOP_SECONDS = 10.0

UVICORN = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")
KEEP_ALIVE = ("--timeout-keep-alive", "75")


@asynccontextmanager
async def running(directory: Path) -> AsyncGenerator[Contestant]:
    """Run the shop with its state below `directory`. What it starts ends with it, or with this process."""
    data, logs = directory / "data", directory / "logs"
    data.mkdir(parents=True)
    logs.mkdir()
    async with AsyncExitStack() as stack:
        nats = NatsServer(directory / "nats", preexec=lifeline())
        await nats.start()
        stack.push_async_callback(nats.stop)
        ports = {name: free_port() for name in ("cardnet", "mail", *SERVICES)}
        children = _Children(_environment(data, nats.url, ports), logs)
        stack.push_async_callback(children.stop)
        await children.start(_commands(ports, data))
        await asyncio.gather(*(children.listening(name, port) for name, port in ports.items()))
        envoy = await _gateway(stack, directory / "envoy", ports)
        yield Contestant(
            name="handmade",
            gateway_url=envoy.url,
            data=data,
            processes=[
                Process(name="nats-server", kind="engine", pid=nats.pid),
                Process(name="envoy", kind="engine", pid=envoy.pid),
                *children.processes(),
            ],
            enrol=enrol,
        )


async def enrol(http: ClientSession, email: str) -> str:
    """Sign in; the handmade shop opens the account at once."""
    async with http.post("/sessions", json={"email": email, "name": "A Customer"}) as answer:
        answer.raise_for_status()
        return str((await answer.json())["access_token"])


class _Children:
    """The Python processes of the shop."""

    def __init__(self, environ: Mapping[str, str], logs: Path) -> None:
        self._environ = environ
        self._logs = logs
        self._running: dict[str, asyncio.subprocess.Process] = {}

    async def start(self, commands: Mapping[str, Iterable[str]]) -> None:
        tie = lifeline()
        for name, command in commands.items():
            with (self._logs / f"{name}.log").open("ab") as log:
                self._running[name] = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-m", *command),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self._environ,
                    start_new_session=True,
                    preexec_fn=tie,
                )

    async def listening(self, name: str, port: int) -> None:
        """Return when the process takes connections."""
        async with asyncio.timeout(START_SECONDS):
            while True:
                if self._running[name].returncode is not None:
                    raise Failed(f"the handmade {name} ended; see {self._logs / name}.log")
                try:
                    _, writer = await asyncio.open_connection(LOOPBACK, port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return

    def processes(self) -> list[Process]:
        return [
            Process(name=name, kind="service" if name in SERVICES else "outside", pid=process.pid)
            for name, process in self._running.items()
        ]

    async def stop(self) -> None:
        for process in self._running.values():
            if process.returncode is None:
                process.terminate()
        await asyncio.gather(*(_ended(process) for process in self._running.values()))


async def _ended(process: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _environment(data: Path, nats_url: str, ports: Mapping[str, int]) -> dict[str, str]:
    jwt = shop.gateway.jwt if shop.gateway else None
    urls = {f"{name.upper()}_URL": f"http://{LOOPBACK}:{port}" for name, port in ports.items()}
    return {
        **os.environ,
        **urls,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HANDMADE_DATA": str(data),
        "HANDMADE_NATS": nats_url,
        "HANDMADE_ISSUER": jwt.issuer if jwt else "",
        "HANDMADE_AUDIENCE": jwt.audience if jwt else "",
    }


def _commands(ports: Mapping[str, int], data: Path) -> dict[str, list[str]]:
    def outside(name: str) -> list[str]:
        return [f"shop.outside.{name}", "--port", str(ports[name]), "--data", str(data)]

    def service(name: str) -> list[str]:
        return ["uvicorn", f"peers.handmade.{name}:app", "--port", str(ports[name]), *UVICORN, *KEEP_ALIVE]

    return {name: outside(name) for name in ("cardnet", "mail")} | {name: service(name) for name in SERVICES}


async def _gateway(stack: AsyncExitStack, directory: Path, ports: Mapping[str, int]) -> EnvoyProcess:
    if shop.gateway is None:
        raise Failed("the shop has no gateway to compare with")
    snapshot = compile_routes(shop.contracts, shop.gateway)
    envoy = EnvoyProcess(snapshot, directory, preexec=lifeline())
    endpoints = {name: [Instance(id=f"{name}-0", service=name, host=LOOPBACK, port=ports[name])] for name in SERVICES}
    await envoy.start(endpoints)
    stack.push_async_callback(envoy.stop)
    return envoy
