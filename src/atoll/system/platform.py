"""The local platform: starts the parts of a system in order, keeps them running, stops them in the reverse order."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from atoll.core import Clock, SystemClock
from atoll.discovery import open_registry
from atoll.gateway import EnvoyProcess, compile_routes
from atoll.messaging.nats.server import NatsServer
from atoll.system.board import Board
from atoll.system.crew import Crew
from atoll.system.declaration import System
from atoll.system.directory import StateDirectory
from atoll.system.documents import gateway_documents
from atoll.system.edge import Edge
from atoll.system.engine import Engine, KeptEngine
from atoll.system.environment import Surroundings, environment_for, gateway_for, settings_for
from atoll.system.errors import StartFailed
from atoll.system.lifeline import lifeline
from atoll.system.meanwhile import at_once
from atoll.system.member import Member, Plan, ending
from atoll.system.plans import preparation_plan, program_plans, program_urls, service_plans
from atoll.system.ports import free_port
from atoll.system.progress import Down, Note, Report, Step, Up
from atoll.system.registry import EmbeddedRegistry
from atoll.system.restart import RestartPolicy
from atoll.system.state import ProcessState, State

START_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a system is to run. `gateway_port` wins over that of its Gateway, `replicas` over those it declares.

    `single` runs all services in one process, which has no replicas. `start_seconds` bound the start.
    `began` is the time on the monotonic clock from which the start is counted.
    """

    single: bool = False
    replicas: Mapping[str, int] = field(default_factory=dict[str, int])
    gateway_port: int | None = None
    start_seconds: float = START_SECONDS
    began: float = field(default_factory=time.monotonic)
    restart: RestartPolicy = field(default_factory=RestartPolicy)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


class Platform:
    """One system on this machine; `async with` starts it and stops it.

    `control` is the supervisor's end of the socket to the warm parent, whose pid is `zygote`. Entering raises the
    AtollError of the part that cannot start, after all that did start has been stopped.
    """

    def __init__(
        self,
        system: System,
        directory: StateDirectory,
        control: socket.socket,
        *,
        options: Options,
        report: Report,
        target: str = "",
        zygote: int = 0,
        clock: Clock | None = None,
    ) -> None:
        self._system = system
        self._directory = directory
        self._options = options
        self._report = report
        self._clock = clock or SystemClock()
        self._settings = settings_for(system, options.environ)
        self._stack = AsyncExitStack()
        self._tie = lifeline()
        self._engines: list[KeptEngine] = []
        self._guarded: list[int] = []
        self._agent: EmbeddedRegistry | None = None
        self._board = Board(directory, _first_state(system.name, target, zygote, self._clock))
        self._crew = Crew(
            control, clock=self._clock, policy=options.restart, changed=self._changed, ended=self._member_ended
        )

    @property
    def state(self) -> State:
        """The system as it is now."""
        return self._board.state

    @property
    def lost(self) -> asyncio.Event:
        """Set when the warm parent is gone, so that nothing can be kept running any more."""
        return self._crew.lost

    def hurry(self) -> None:
        """Have the stop under way wait for no work in hand."""
        self._crew.hurry()

    def hold(self, name: str) -> None:
        """Do not start the service or program called `name` again before it is released; no other name is known."""
        for each in self._called(name):
            self._crew.hold(each.plan.key)

    def release(self, name: str) -> None:
        """Start the service or program called `name` again whenever it ends, and now if it has."""
        for each in self._called(name):
            self._crew.release(each.plan.key)

    def _called(self, name: str) -> list[Member]:
        return [each for each in self._crew.members.values() if each.plan.label == name]

    async def __aenter__(self) -> Platform:
        try:
            async with asyncio.timeout(self._options.start_seconds):
                await self._start()
        except TimeoutError:
            late = self._late()
            await self._stop()
            raise StartFailed(late) from None
        except BaseException:
            await self._stop()
            raise
        self._board.become("ready")
        self._report(Up(seconds=self._clock.monotonic() - self._options.began, state=self.state))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._report(Note(text=f"{self._system.name} is stopping"))
        await self._stop()

    async def _start(self) -> None:
        self._board.become("starting")
        await self._stack.enter_async_context(self._crew)
        self._board.sources += [self._engine_states, self._member_states]
        await self._start_broker()
        await self._start_registry()
        ports, around = self._place_programs()
        await at_once(self._start_programs(ports, around), self._prepare(around))
        await self._start_services(around)
        await self._start_gateway()

    async def _stop(self) -> None:
        self._board.become("stopping")
        try:
            await self._stack.aclose()
        finally:
            self._board.become("stopped")
            self._report(Down())

    async def _start_broker(self) -> None:
        if url := self._options.environ.get("ATOLL_BROKER_URL"):
            self._board.know(broker_url=url)
            return
        server = NatsServer(self._directory.nats, preexec=self._tie)
        await self._keep("nats-server", server)
        self._board.know(broker_url=server.url)

    async def _start_registry(self) -> None:
        if url := self._options.environ.get("ATOLL_REGISTRY_URL"):
            self._board.know(registry_url=url)
            return
        self._agent = EmbeddedRegistry()
        self._stack.push_async_callback(self._agent.stop)
        await self._agent.start()
        self._board.know(registry_url=self._agent.url)

    def _place_programs(self) -> tuple[Mapping[str, int], Surroundings]:
        """Say where the programs are to listen, so that nobody has to wait for them to be told."""
        base = self._options.environ
        programs = self._system.programs
        ports = {each.name: free_port() for each in programs if not base.get(each.variable)}
        urls = program_urls(programs, ports, base)
        self._board.know(programs={each.name: urls[each.variable] for each in programs})
        return ports, self._surroundings(urls)

    async def _start_programs(self, ports: Mapping[str, int], around: Surroundings) -> None:
        environ = environment_for(self._options.environ, around, instance=0)
        plans = program_plans(self._system, self._directory, ports, environ)
        await self._start_members("programs", plans, drain=0.0)

    def _surroundings(self, programs: Mapping[str, str]) -> Surroundings:
        jwt = self._system.gateway.jwt if self._system.gateway else None
        return Surroundings(
            system=self._system.name,
            data=self._directory.data,
            broker_url=self.state.broker_url,
            registry_url=self.state.registry_url,
            issuer=jwt.issuer if jwt else "",
            audience=jwt.audience if jwt else "",
            jwks_url=f"service://{jwt.service}{jwt.jwks_path}" if jwt else "",
            programs=programs,
        )

    async def _prepare(self, around: Surroundings) -> None:
        self._step("databases", 1, 0)
        await self._crew.do(preparation_plan(self._system, self._directory, self._options.environ, around))
        self._step("databases", 1, 1)

    async def _start_services(self, around: Surroundings) -> None:
        options = self._options
        plans = service_plans(
            self._system,
            self._directory,
            options.environ,
            around,
            single=options.single,
            replicas={**self._system.replicas, **options.replicas},
        )
        await self._start_members("services", plans, drain=self._settings.drain_seconds)

    async def _start_members(self, name: str, plans: Sequence[Plan], *, drain: float) -> None:
        if plans:
            members = self._crew.start(plans)
            self._stack.push_async_callback(self._crew.stop, members, drain=drain)
            await self._crew.ready(members, partial(self._step, name, len(members)))

    async def _start_gateway(self) -> None:
        if self._system.gateway is None:
            return
        gateway = gateway_for(self._system.gateway, self._settings, self._options.gateway_port)
        documents = gateway_documents(self._system)
        snapshot = compile_routes(self._system.contracts, gateway, static_responses=documents)
        registry = open_registry(self.state.registry_url)
        self._stack.push_async_callback(registry.close)
        edge = Edge(registry, snapshot.reached, clock=self._clock)
        self._stack.push_async_callback(edge.close)
        await edge.watch()
        envoy = EnvoyProcess(snapshot, self._directory.envoy, log=self._directory.log("envoy"), preexec=self._tie)
        await self._keep("envoy", envoy, begin=lambda: envoy.start(edge.endpoints))
        edge.feed(envoy)
        self._board.know(gateway_url=envoy.url)

    async def _keep(self, name: str, engine: Engine, *, begin: Callable[[], Awaitable[None]] | None = None) -> None:
        kept = KeptEngine(
            name,
            engine,
            clock=self._clock,
            policy=self._options.restart,
            changed=self._changed,
            ended=self._engine_ended,
            begin=begin,
        )
        self._engines.append(kept)
        self._stack.push_async_callback(kept.stop)
        self._step(name, 1, 0)
        await kept.start()
        self._step(name, 1, 1)

    def _step(self, name: str, total: int, done: int) -> None:
        self._report(Step(name=name, done=done, total=total))

    def _changed(self) -> None:
        self._board.changed()
        pids = [each.pid for each in self._engines if each.pid]
        if pids != self._guarded:
            self._guarded = pids
            self._crew.guard(pids)

    def _engine_states(self) -> list[ProcessState]:
        return [each.state() for each in self._engines]

    def _member_states(self) -> list[ProcessState]:
        return [state for each in self._crew.members.values() for state in each.states()]

    def _member_ended(self, member: Member, code: int) -> None:
        self._tell_end(member.plan.label, code)
        if self._agent is not None:
            for state in member.states():
                self._agent.agent.fail(state.registered_as, f"its process ended with {ending(code)}")

    def _engine_ended(self, name: str, code: int) -> None:
        self._tell_end(name, code)

    def _tell_end(self, name: str, code: int) -> None:
        self._report(Note(text=f"{name} ended with {ending(code)}; it is started again"))

    def _late(self) -> str:
        missing = [each.label for each in self.state.processes if each.condition != "ready"]
        waited = f"{self._options.start_seconds:g} s"
        if not missing:
            return f"the gateway was not ready within {waited}; see {self._directory.path / 'logs'}"
        return f"{', '.join(missing)} did not become ready within {waited}; see {self._directory.path / 'logs'}"


def _first_state(system: str, target: str, zygote: int, clock: Clock) -> State:
    now = clock.now()
    own = tuple(
        ProcessState(name=name, kind="supervisor", pid=pid, condition="ready", started=now)
        for name, pid in (("supervisor", os.getpid()), ("warm-parent", zygote))
    )
    return State(system=system, target=target, pid=os.getpid(), started=now, processes=own)
