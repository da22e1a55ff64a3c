"""Which processes a system consists of: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from atoll.system.declaration import Program, System
from atoll.system.directory import StateDirectory
from atoll.system.environment import Surroundings, environment_for
from atoll.system.member import Plan
from atoll.system.ports import LOOPBACK
from atoll.system.replicas import label_of, slots
from atoll.system.wire import Module, Preparation, Services

TOGETHER: Final = "services"
"""What the one process of `--single` is called."""


def program_urls(programs: Sequence[Program], ports: Mapping[str, int], base: Mapping[str, str]) -> dict[str, str]:
    """Return the address of each program by its variable; where the user set one, his."""
    return {
        each.variable: base.get(each.variable) or f"{each.scheme}://{LOOPBACK}:{ports[each.name]}" for each in programs
    }


def program_plans(
    system: System, directory: StateDirectory, ports: Mapping[str, int], environ: Mapping[str, str]
) -> list[Plan]:
    """Return a plan for each program that has a port; the others are somewhere else already."""
    return [
        Plan(
            name=each.name,
            kind="program",
            job=Module(module=each.module, args=("--port", str(ports[each.name]), *each.args)),
            environ=environ,
            log=directory.log(each.name),
            port=ports[each.name],
        )
        for each in system.programs
        if each.name in ports
    ]


def preparation_plan(system: System, directory: StateDirectory, base: Mapping[str, str], around: Surroundings) -> Plan:
    """Return a plan for what is done before the services start."""
    return Plan(
        name=system.name,
        kind="program",
        job=Preparation(),
        environ=environment_for(base, around, instance=0),
        log=directory.log("preparation"),
    )


def service_plans(
    system: System,
    directory: StateDirectory,
    base: Mapping[str, str],
    around: Surroundings,
    *,
    single: bool = False,
    replicas: Mapping[str, int] | None = None,
) -> list[Plan]:
    """Return a plan for each service, one for each replica where there are to be several, or one for all of them."""
    names = [each.name for each in system.services]
    groups = {TOGETHER: tuple(names)} if single else {name: (name,) for name in names}
    return [
        Plan(
            name=name,
            kind="service",
            job=Services(names=members),
            environ=environment_for(base, around, instance=slot),
            log=directory.log(label_of(name, slot)),
            instance=slot,
        )
        for name, members in groups.items()
        for slot in slots((replicas or {}).get(name, 1))
    ]
