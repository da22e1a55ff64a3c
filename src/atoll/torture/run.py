"""The course of a run: engines and system, a storm, quiet, the verdict."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from atoll.clients import HTTPTransport
from atoll.saga.engine import LEASE_SECONDS
from atoll.system import Load, RunningSystem, StateDirectory, System, load_system, running
from atoll.system.replicas import check_replicas
from atoll.torture.census import Census
from atoll.torture.engines import BROKER, Engines, engines
from atoll.torture.errors import NothingToHold, WrongTorture
from atoll.torture.inject import Injector
from atoll.torture.messages import repeat, waiting
from atoll.torture.report import Report
from atoll.torture.schedule import KINDS, Fault, Ground, Kind, schedule
from atoll.torture.settle import Outcome, Settling, clients_of
from atoll.torture.storm import TAIL_SECONDS, Storm, Tell
from atoll.torture.summary import make_report
from atoll.torture.victims import Victims

PACE_SECONDS: Final = 0.75
"""Between two faults on average, when no other limit is asked for."""
SETTLE_SECONDS: Final = 120.0
MESSAGES: Final = "messages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to do: so many `faults` of these `kinds` within `seconds`, by the dice of `seed`.

    `only` are the processes to kill and stop, all of them when it is empty.
    `replicas` says for a service how many processes it has; `lease` for how many seconds one of those holds a saga.
    `broker` is started unless `environ`, where the user's own engines are named, has one. The first fault waits for
    `warm_facts`; the load goes on for `tail_seconds` after the last; `settle_seconds` bound the wait for quiet then.
    """

    faults: int = 200
    seed: int = 1
    seconds: float | None = None
    kinds: Sequence[Kind] = KINDS
    only: Sequence[str] = ()
    replicas: Mapping[str, int] = field(default_factory=dict[str, int])
    lease: float = LEASE_SECONDS
    broker: str = "nats"
    warm_facts: int = 1
    tail_seconds: float = TAIL_SECONDS
    settle_seconds: float = SETTLE_SECONDS
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


async def torture(target: str, options: Options, *, directory: Path, tell: Tell = lambda _: None) -> Report:
    """Run the system that MODULE:SYSTEM names with its state below `directory`, hurt it, and return what it came to.

    Everything has stopped then, whatever happens. Raises TortureError for what cannot be done, and the AtollError
    of a system that cannot start.
    """
    system = load_system(target)
    load = _load_of(system)
    check_replicas(system, options.replicas)
    state = StateDirectory(directory, system.name)
    if state.data.exists():
        raise WrongTorture(f"{state.path} holds the data of an earlier run; choose another --directory")
    census = Census()
    async with (
        engines(state.path, options.environ, broker=options.broker) as found,
        running(target, directory=directory, replicas=options.replicas, environ=found.environ) as up,
        HTTPTransport() as transport,
    ):
        tell(f"{system.name} is up after {up.started_in:.1f} s")
        run = Run(system, up, found, Victims(up, transport))
        storm, took = await run.storm(load, options, tell)
        tell(f"the last customer left after {took:.0f} s; waiting until {system.name} is quiet")
        outcome = await run.settle(storm, options.settle_seconds)
        census.note(run.pids)
    left = census.left() + ([f"something of {system.name}"] if state.running() else [])
    return make_report(
        system,
        found,
        storm,
        outcome,
        seed=options.seed,
        lease=options.lease,
        load_seconds=took,
        left_running=left,
    )


class Run:
    """One running system under torture."""

    def __init__(self, system: System, up: RunningSystem, found: Engines, victims: Victims) -> None:
        self._system = system
        self._up = up
        self._engines = found
        self._victims = victims
        self._broker_url = found.urls[BROKER]

    @property
    def pids(self) -> dict[str, int]:
        """Every process of it that is known now."""
        broker = self._engines.broker
        return {**self._up.pids, BROKER: broker.pid if broker is not None else 0}

    async def storm(self, load: Load, options: Options, tell: Tell) -> tuple[Storm, float]:
        """Hurt it under load; return what happened, and for how many seconds there were customers."""
        injector = Injector(
            self._victims,
            links=self._engines.links,
            broker=self._engines.broker,
            publish=partial(repeat, self._broker_url, self._system.name),
            lease=options.lease,
        )
        storm = Storm(
            load,
            self._up.gateway_url,
            injector.inject,
            seed=options.seed,
            tell=tell,
            warm=options.warm_facts,
            tail=options.tail_seconds,
        )
        return storm, await storm.rage(self._plan(options))

    async def settle(self, storm: Storm, limit: float) -> Outcome:
        """Wait until it is quiet, at most `limit` seconds, and hold it to what it promised."""
        async with clients_of(self._up.registry_url) as clients:
            settling = Settling(
                self._system,
                self._victims,
                clients,
                acknowledged=storm.recorder.acknowledged,
                waiting=partial(waiting, self._broker_url, self._system.name, self._engines.broker),
            )
            return await settling.settle(limit=limit)

    def _plan(self, options: Options) -> Sequence[Fault]:
        processes = _chosen(options.only, sorted(self._victims.all()))
        ground = Ground(
            processes=processes,
            replicas=sorted(set(self._victims.replicas()).intersection(processes)),
            links=sorted(self._engines.links),
            messages=[MESSAGES] if any(each.events for each in self._system.contracts) else [],
            broker=BROKER if self._engines.broker is not None else "",
            lease=options.lease,
        )
        seconds = options.seconds or options.faults * PACE_SECONDS
        return schedule(options.seed, ground, faults=options.faults, seconds=seconds, kinds=options.kinds)


def _load_of(system: System) -> Load:
    if system.load is None or not system.invariants:
        what = "load" if system.load is None else "invariants"
        raise NothingToHold(f"{system.name} declares no {what}; write System({system.name!r}, ..., {what}=...)")
    if system.gateway is None:
        raise NothingToHold(f"{system.name} has no gateway for customers to come through; give it one")
    return system.load


def _chosen(only: Sequence[str], there: Sequence[str]) -> Sequence[str]:
    if unknown := [name for name in only if name not in there]:
        raise WrongTorture(f"there is no process {unknown[0]!r} to hurt; there are {', '.join(there)}")
    return only or there
