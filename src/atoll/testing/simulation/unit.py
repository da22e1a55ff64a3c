"""One replica of a service: a process that is started again whenever it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from atoll.core.settings import Settings
from atoll.service import Provider, Service, ServiceHost
from atoll.service.ground import Ground
from atoll.testing.simulation.faults import Weather
from atoll.testing.simulation.loop import SimulationLoop
from atoll.testing.simulation.process import Process
from atoll.testing.simulation.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a service is made of."""

    service: type[Service]
    known: Mapping[Any, Any] = field(default_factory=dict[Any, Any])
    providers: Sequence[Provider] = ()
    environ: Mapping[str, str] = field(default_factory=dict[str, str])


class Unit:
    """`host` is the running service, None while it is down or not ready. `lives` counts its processes."""

    def __init__(
        self,
        plan: Plan,
        replica: int,
        loop: SimulationLoop,
        weather: Weather,
        trace: Trace,
        ground: Callable[[Process], Ground],
    ) -> None:
        self.plan = plan
        self.replica = replica
        self.name = f"{plan.service.name}/{replica}"
        self.host: ServiceHost[Any] | None = None
        self.lives = 0
        self._loop = loop
        self._weather = weather
        self._trace = trace
        self._ground = ground
        self.process = self._begin()

    def crash(self, down: float) -> None:
        """Kill its process, which comes back after `down` seconds."""
        if not self.process.alive:
            return
        self._trace.add(self.name, f"is killed for {down:.3f} s")
        self.host = None
        self.process.kill()
        self._loop.start(self._loop.world, self._come_back(down))

    def stop(self, seconds: float) -> None:
        """Let its process stand still for so long, unless it does already."""
        if self.process.alive and not self.process.stopped:
            self._trace.add(self.name, f"is stopped for {seconds:.3f} s")
            self.process.stopped = True
            self._loop.start(self._loop.world, self._go_on(self.process, seconds))

    def heal(self) -> None:
        """Go on at once when stopped."""
        self.process.stopped = False

    def _begin(self) -> Process:
        self.lives += 1
        weather = self._weather
        chance = Random(weather.chance.getrandbits(64))
        skew = weather.faults.skew * chance.uniform(-1.0, 1.0)
        self.process = process = self._loop.process(self.name, chance, skew=skew)
        self._loop.start(process, self._start(process), name=f"start {self.name}")
        return process

    async def _start(self, process: Process) -> None:
        plan = self.plan
        settings = Settings(instance=str(self.replica), system="simulated", environ=plan.environ)
        host = ServiceHost(plan.service, settings, plan.providers, known=plan.known, ground=self._ground(process))
        try:
            await host.start()
        except Exception as error:  # noqa: BLE001 - traced; a process that cannot start ends, and is started again
            self._trace.add(self.name, f"cannot start: {error!r}")
            self.crash(1.0)
        else:
            self._trace.add(self.name, "is ready")
            self.host = host

    async def _come_back(self, down: float) -> None:
        await asyncio.sleep(down)
        self._begin()

    async def _go_on(self, process: Process, seconds: float) -> None:
        await asyncio.sleep(seconds)
        process.stopped = False
