"""A whole system in one thread and one seed: services, broker, databases, network, and everything that goes wrong."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any, Final, TypeVar

import msgspec

from atoll.clients import Clients, ConnectionFailed
from atoll.clients.port import Reply, Request
from atoll.core.clock import SystemClock
from atoll.core.context import Principal
from atoll.core.hooks import Hooks
from atoll.discovery import Resolver
from atoll.service import Provider, Service
from atoll.service.ground import Ground
from atoll.storage import Database
from atoll.testing.migrated import image_of
from atoll.testing.simulation.actors import insist
from atoll.testing.simulation.broker import SimulatedBroker
from atoll.testing.simulation.database import SimulatedDatabase, SimulatedEngine
from atoll.testing.simulation.errors import Stuck, Violation
from atoll.testing.simulation.faults import Faults, Weather
from atoll.testing.simulation.ground import SimulatedGround
from atoll.testing.simulation.loop import SimulationLoop
from atoll.testing.simulation.nemesis import Nemesis
from atoll.testing.simulation.network import Network, SimulatedRegistry, SimulatedTransport
from atoll.testing.simulation.process import Process
from atoll.testing.simulation.rest import unrest
from atoll.testing.simulation.trace import Trace
from atoll.testing.simulation.unit import Plan, Unit

C = TypeVar("C")
T = TypeVar("T")

Act = Callable[[], Coroutine[Any, Any, None]]
Check = Callable[[], Awaitable[Iterable[str]]]

OPERATOR_SECONDS: Final = 10.0
"""So long an operator waits for an answer."""
BATCHES: Final = (1, 8)
"""How many messages the broker takes at once: the seed says which."""
PATIENCE: Final = 900.0
"""Virtual seconds within which the system must come to rest once nothing goes wrong any more, unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How a run went. `seconds` is virtual time, `steps` counts callbacks; `digest` is equal for equal runs."""

    seed: int
    digest: str
    seconds: float
    steps: int
    kills: int


class Simulation:
    """Declare services, actors and invariants, then `run`.

    Without `faults` the seed draws a mix of its own. One seed is one course of events, exactly, as long as the
    services take the time from `Clock`, ids from `new_id`, and share nothing but what crosses their ports. Once
    nothing goes wrong any more the system has `patience` virtual seconds to come to rest.
    """

    def __init__(self, seed: int, *, faults: Faults | None = None, patience: float = PATIENCE) -> None:
        self.seed = seed
        self.patience = patience
        self.faults = faults or Faults().drawn(Random(f"{seed}/faults"))
        self.loop = SimulationLoop(Random(f"{seed}/schedule"))
        self.trace = Trace(lambda: (self.loop.time(), self.loop.steps))
        self.chance = Random(f"{seed}/actors")
        self.weather = Weather(self.faults, Random(f"{seed}/weather"))
        batch = Random(f"{seed}/broker").choice(BATCHES)
        self.broker = SimulatedBroker(self.loop, self.weather, self.trace, batch=batch)
        self.network = Network(self.loop, self.weather, self.trace)
        self.units: list[Unit] = []
        self._outside = self.loop.process("outside", Random(f"{seed}/outside"))
        self._databases: dict[str, SimulatedDatabase] = {}
        self._actors: list[asyncio.Task[None]] = []
        self._invariants: list[tuple[str, Check]] = []
        self.clients = self._outside.context.run(self._open_clients)

    def adjust(self, **changes: float) -> None:
        """Fix some of the `Faults` for this scenario, whatever the seed has drawn; before anything else."""
        self.faults = self.weather.faults = replace(self.faults, **changes)

    def service(
        self,
        service: type[Service],
        *,
        replicas: int = 1,
        known: Mapping[Any, Any] | None = None,
        providers: Iterable[Provider] = (),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Run `replicas` processes of `service` on one database.

        `known` are objects to inject by type that are not of the process: a third party's fake keeps its state
        there while processes come and go.
        """
        plan = Plan(service=service, known=known or {}, providers=tuple(providers), environ=environ or {})
        disk = SimulatedDatabase(service.name, self.weather, self.trace, image_of(service))
        database = self._databases.setdefault(service.name, disk)
        ground = partial(self.ground, database=database)
        self.units += [Unit(plan, replica, self.loop, self.weather, self.trace, ground) for replica in range(replicas)]

    def ground(self, process: Process, database: SimulatedDatabase) -> Ground:
        """Return what a process of a service stands on; to be overridden to plant something there."""
        return SimulatedGround(process, database, self.broker, self.network)

    def actor(self, act: Act, *, name: str = "") -> None:
        """Let a customer act, beginning at some moment of the first half of the trouble."""
        begin = self.chance.random() * self.faults.seconds / 2
        self._actors.append(self.loop.spawn(self._outside, self._after(begin, act), name=name or act.__qualname__))

    def invariant(self, sentence: str, check: Check) -> None:
        """Hold the system to `sentence` once it is at rest; `check` returns what speaks against it."""
        self._invariants.append((sentence, check))

    def client(self, contract: Callable[..., C]) -> C:
        """Return a client of `contract` for actors and invariants."""
        return self._outside.context.run(self.clients.of, contract)

    def database(self, service: type[Service]) -> Database:
        """Return the database of `service`, for invariants to read."""
        engine = SimulatedEngine(self._databases[service.name], self._outside)
        return Database(engine, hooks=Hooks(), clock=SystemClock())

    async def insist(self, key: str, call: Callable[[], Awaitable[T]], *, principal: Principal | None = None) -> T:
        """Ask under one idempotency key until there is a final answer; see `atoll.testing.simulation.insist`."""
        return await insist(key, call, chance=self.chance, principal=principal)

    async def operate(self, service: type[Service], target: str, body: object) -> Reply:
        """Ask a replica of `service` as its operator does, once: POST `target` with `body` as JSON.

        Raises ConnectionFailed, CallTimedOut.
        """
        instances = self.network.found(service.name)
        if not instances:
            raise ConnectionFailed(f"no replica of {service.name} is registered", sent=False)
        transport = SimulatedTransport(self.network, self._outside)
        request = Request(method="POST", target=target, body=msgspec.json.encode(body))
        return await transport.send(self.chance.choice(instances), request, timeout=OPERATOR_SECONDS)

    def replica(self, service: type[Service], number: int = 0) -> Unit:
        """Return one replica of `service`, to `crash` or `stop` it at a moment of your own."""
        return next(each for each in self.units if each.name == f"{service.name}/{number}")

    def run(self, *, logs: bool = False) -> Report:
        """Let everything happen, wait until the system is at rest, and hold it to its invariants.

        With `logs` the services log as they would; else only what goes wrong in the simulation is told. Raises
        Violation with every problem that was found.
        """
        with _undisturbed(logs=logs):
            try:
                self._run()
                return self._report()
            except Stuck as error:
                raise self._violation([str(error)]) from error
            finally:
                self._dispose()

    def _run(self) -> None:
        nemesis = Nemesis(self.weather, self.broker, self.network, self.units)
        self.loop.start(self.loop.world, nemesis.run())
        self.loop.run(lambda: False, until=self.faults.seconds)
        self._heal()
        self._finish(self._settle(), "the system did not come to rest")
        problems = [*self.loop.failures, *self._failures()]
        problems += self._finish(self._check(), "the invariants could not be checked")
        if problems:
            raise self._violation(problems)

    def _heal(self) -> None:
        self.trace.add("world", "nothing goes wrong any more")
        self.weather.calm()
        for unit in self.units:
            unit.heal()

    def _finish(self, work: Coroutine[Any, Any, T], otherwise: str) -> T:
        task = self.loop.spawn(self._outside, work)
        if not self.loop.run(task.done, until=self.loop.time() + self.patience):
            raise self._violation([otherwise, *self._reasons])
        return task.result()

    async def _settle(self) -> None:
        calm = 0
        while calm < 2:
            await asyncio.sleep(1.0)
            self._reasons = [f"{each.get_name()} is not done" for each in self._actors if not each.done()]
            self._reasons += await unrest(self.units, self.broker)
            calm = 0 if self._reasons else calm + 1

    def _failures(self) -> list[str]:
        """What actors raised."""
        return [f"{each.get_name()} failed: {error!r}" for each in self._actors if (error := each.exception())]

    async def _check(self) -> list[str]:
        return [f"{sentence}: {each}" for sentence, check in self._invariants for each in await check()]

    async def _after(self, seconds: float, act: Act) -> None:
        await asyncio.sleep(seconds)
        await act()

    def _open_clients(self) -> Clients:
        resolver = Resolver(SimulatedRegistry(self.network, self._outside))
        transport = SimulatedTransport(self.network, self._outside)
        return Clients(resolver, transport, hooks=Hooks(), clock=SystemClock())

    def _violation(self, problems: Iterable[str]) -> Violation:
        return Violation(self.seed, [*problems], self.trace.lines, self.trace.digest)

    def _report(self) -> Report:
        return Report(
            seed=self.seed,
            digest=self.trace.digest,
            seconds=self.loop.time(),
            steps=self.loop.steps,
            kills=sum(each.lives - 1 for each in self.units),
        )

    def _dispose(self) -> None:
        self.trace.frozen = True
        self.weather.calm()
        self.loop.dispose()
        for database in self._databases.values():
            database.close()


@contextmanager
def _undisturbed(*, logs: bool) -> Generator[None]:
    """No garbage collector, whose moments are not the seed's, and no logs of what is meant to go wrong."""
    collecting, disabled = gc.isenabled(), logging.root.manager.disable
    gc.disable()
    logging.disable(disabled if logs else logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(disabled)
        if collecting:
            gc.enable()
