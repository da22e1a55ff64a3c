"""Calls between simulated processes: real requests and replies, over wires that delay, lose and break.

A request may be refused, vanish, arrive long after its caller has given up, or arrive twice where a transport may
send it again; a reply may be lost; two services may be cut off from each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from typing import Any, ClassVar, Final

from atoll.clients import CallTimedOut, ConnectionFailed
from atoll.clients.port import Reply, Request
from atoll.discovery import Instance
from atoll.testing.simulation.faults import Weather
from atoll.testing.simulation.loop import SimulationLoop
from atoll.testing.simulation.process import Process
from atoll.testing.simulation.trace import Trace

App = Callable[..., Awaitable[Any]]

HOST: Final = "simulated"
NOTICE_SECONDS: Final = 5.0
"""The registry takes out an instance that has been gone for so long."""


class Network:
    """Who listens where, who is cut off from whom, and which instances the registry knows."""

    def __init__(self, loop: SimulationLoop, weather: Weather, trace: Trace) -> None:
        self.loop = loop
        self.weather = weather
        self.trace = trace
        self.servers: dict[int, SimulatedServer] = {}
        self.cut: set[frozenset[str]] = set()
        self.instances: dict[str, tuple[Instance, Process]] = {}
        self._changed = asyncio.Event()
        self._count = 0

    def next_number(self) -> int:
        """Return a number that nothing had before, for ports and requests."""
        self._count += 1
        return self._count

    def is_cut(self, one: Process, other: Process) -> bool:
        """Tell whether nothing gets through between the two."""
        return frozenset({_service(one), _service(other)}) in self.cut

    async def cut_off(self, one: str, other: str, seconds: float) -> None:
        """Let nothing through between two services for so long."""
        pair = frozenset({one, other})
        self.trace.add("network", f"cuts {one} from {other} for {seconds:.3f} s")
        self.cut.add(pair)
        await asyncio.sleep(seconds)
        self.cut.discard(pair)

    def found(self, service: str) -> tuple[Instance, ...]:
        """Return the registered instances of `service`, by id."""
        return tuple(each for _, (each, _) in sorted(self.instances.items()) if each.service == service)

    def changed(self) -> None:
        """Wake those who watch the registry."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self) -> None:
        """Wait for the next change of the registry."""
        await self._changed.wait()

    async def forget_later(self, process: Process) -> None:
        """Take out what `process` had registered, once the registry has noticed that it is gone."""
        await asyncio.sleep(NOTICE_SECONDS)
        for name, (_, registered) in list(self.instances.items()):
            if registered is process and not process.alive:
                del self.instances[name]
                self.changed()


class SimulatedRegistry:
    """One process's view of the registry; see `atoll.discovery.ServiceRegistry`."""

    FEATURES: ClassVar[frozenset[str]] = frozenset({"registration"})

    def __init__(self, network: Network, process: Process) -> None:
        self._network = network
        self._process = process
        self._closed = False
        process.on_kill.append(lambda: _spawn(network, network.forget_later(process)))

    async def register(self, instance: Instance) -> None:
        await self._network.weather.hop()
        self._network.instances[instance.id] = (instance, self._process)
        self._network.changed()

    async def deregister(self, instance_id: str) -> None:
        await self._network.weather.hop()
        self._network.instances.pop(instance_id, None)
        self._network.changed()

    async def discover(self, service: str) -> Sequence[Instance]:
        await self._network.weather.hop()
        return self._network.found(service)

    async def watch(self, service: str) -> AsyncIterator[Sequence[Instance]]:
        last: Sequence[Instance] | None = None
        while not self._closed:
            if (found := await self.discover(service)) != last:
                last = found
                yield found
            elif found == self._network.found(service) and not self._closed:
                await self._network.change()

    async def close(self) -> None:
        self._closed = True
        self._network.changed()


class SimulatedServer:
    """Serves an ASGI application at an address of the simulated network."""

    def __init__(self, network: Network, process: Process, app: App) -> None:
        self.host = HOST
        self.port = network.next_number()
        self.process = process
        self._network = network
        self._app = app
        self._exchanges: set[Exchange] = set()
        self._working: set[asyncio.Task[None]] = set()
        process.on_kill.append(self._broken)

    async def start(self) -> None:
        self._network.servers[self.port] = self

    async def stop(self) -> None:
        self._network.servers.pop(self.port, None)
        while self._working:
            await asyncio.wait(self._working)

    def accept(self, exchange: Exchange) -> None:
        """Take a request that has arrived; it becomes a task of the process."""
        self._exchanges.add(exchange)
        task = self._network.loop.spawn(self.process, self._serve(exchange))
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _serve(self, exchange: Exchange) -> None:
        reply = await run_app(self._app, exchange.request)
        self._network.trace.add(self.process.name, f"answers {exchange.name} {reply.status}")
        self._exchanges.discard(exchange)
        exchange.answer(reply)

    def _broken(self) -> None:
        self._network.servers.pop(self.port, None)
        for exchange in sorted(self._exchanges, key=lambda each: each.number):
            exchange.fail(ConnectionFailed(f"{self.process.name} broke the connection", sent=True))


class Exchange:
    """One request on its way and the future of its reply. The caller may be gone by then."""

    def __init__(self, network: Network, request: Request) -> None:
        self.request = request
        self.number = network.next_number()
        self.name = f"{request.method} {request.target}"
        self.reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._network = network

    def answer(self, reply: Reply) -> None:
        """Send the reply back, unless it is lost on the way."""
        weather = self._network.weather
        if weather.happens(weather.faults.reply_lost):
            self._network.trace.add("network", f"loses the reply to {self.name}")
            if weather.happens(0.5):
                self.fail(ConnectionFailed("the connection broke before the reply came", sent=True))
            return
        _later(self._network, weather.hop_seconds(), self._set, reply)

    def fail(self, error: ConnectionFailed) -> None:
        """Let the caller learn that the connection broke."""
        _later(self._network, self._network.weather.hop_seconds(), self._raise, error)

    def _set(self, reply: Reply) -> None:
        if not self.reply.done():
            self.reply.set_result(reply)

    def _raise(self, error: ConnectionFailed) -> None:
        if not self.reply.done():
            self.reply.set_exception(error)


class SimulatedTransport:
    """One process's way to others; see `atoll.clients.port.Transport`."""

    def __init__(self, network: Network, process: Process) -> None:
        self._network = network
        self._process = process

    async def send(self, instance: Instance, request: Request, *, timeout: float) -> Reply:
        exchange = Exchange(self._network, request)
        self._network.trace.add(self._process.name, f"sends {exchange.name} to {instance.id}")
        try:
            async with asyncio.timeout(max(timeout, 0.0)):
                await self._travel(instance, exchange)
                return await exchange.reply
        except TimeoutError:
            raise CallTimedOut(f"no answer from {instance.id} within {timeout:.3g} s") from None

    async def close(self) -> None:
        """There is nothing to release."""

    async def _travel(self, instance: Instance, exchange: Exchange) -> None:
        network, weather = self._network, self._network.weather
        await weather.hop()
        server = network.servers.get(instance.port)
        if server is None or weather.happens(weather.faults.refused):
            raise ConnectionFailed(f"{instance.id} refuses the connection", sent=False)
        if network.is_cut(self._process, server.process) or weather.happens(weather.faults.request_lost):
            network.trace.add("network", f"loses {exchange.name}")
            return
        _spawn(network, self._deliver(instance.port, exchange))
        if exchange.request.replayable and weather.happens(weather.faults.request_repeated):
            network.trace.add("network", f"repeats {exchange.name}")
            _spawn(network, self._deliver(instance.port, exchange))

    async def _deliver(self, port: int, exchange: Exchange) -> None:
        await self._network.weather.hop()
        server = self._network.servers.get(port)
        if server is None:
            exchange.fail(ConnectionFailed("the connection broke", sent=True))
        else:
            server.accept(exchange)


async def run_app(app: App, request: Request) -> Reply:
    """Return what an ASGI application answers to `request`."""
    path, _, query = request.target.partition("?")
    headers = [(name.encode(), value.encode("latin-1")) for name, value in request.headers.items()]
    scope: MutableMapping[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": headers,
    }
    status, answered, parts = 500, dict[str, str](), list[bytes]()

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            answered.update((name.decode(), value.decode("latin-1")) for name, value in message["headers"])
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return Reply(status=status, headers=answered, body=b"".join(parts))


def _spawn(network: Network, work: Any) -> None:
    network.loop.start(network.loop.world, work)


def _later(network: Network, seconds: float, call: Callable[..., None], *args: Any) -> None:
    network.loop.call_later(seconds, call, *args, context=network.loop.world.context.copy())


def _service(process: Process) -> str:
    return process.name.partition("/")[0]
