"""How many processes of one service there are, and which slot each has: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from atoll.system.errors import WrongReplicas

if TYPE_CHECKING:
    from atoll.system.declaration import System

MOST: Final = 64
"""More processes of one service than one machine is good for."""


def label_of(name: str, instance: int) -> str:
    """Return what a process is called by people: its service, and which of several it is."""
    return f"{name}-{instance}" if instance else name


def slots(count: int) -> Sequence[int]:
    """Return the slots of `count` processes: 0 for an only one, else from 1 on. They are the same at every start."""
    return range(1, count + 1) if count > 1 else (0,)


def parse_replicas(text: str) -> dict[str, int]:
    """Read `order=3,payment=2`. Raises WrongReplicas with one sentence for what is not written so."""
    found: dict[str, int] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, number = (each.strip() for each in part.partition("="))
        if not name or not number:
            raise WrongReplicas(f"{part!r} does not say how many of which service; write --replicas order=3")
        if not number.isdecimal():
            raise WrongReplicas(f"{number!r} is no number of replicas of {name}; write one, as in {name}=3")
        if name in found:
            raise WrongReplicas(f"{name} is in --replicas twice; say once how many there are to be")
        found[name] = int(number)
    return found


def text_of(replicas: Mapping[str, int]) -> str:
    """Return `replicas` as `parse_replicas` reads them."""
    return ",".join(f"{name}={count}" for name, count in replicas.items())


def check_replicas(system: System, replicas: Mapping[str, int], *, single: bool = False) -> None:
    """Raise WrongReplicas with one sentence for the first thing that is wrong with `replicas` for `system`.

    `single`: all services are to run in one process.
    """
    if single and replicas:
        raise WrongReplicas("--single runs all services in one process, so none has replicas; leave one of them out")
    for problem in replica_problems(system, replicas):
        raise WrongReplicas(problem)


def replica_problems(system: System, replicas: Mapping[str, int]) -> Iterator[str]:
    """Yield a sentence for each name that is no service's, and for each number that cannot be."""
    services = [str(getattr(each, "name", "")) for each in system.services]
    parts = {*services, *(each.name for each in system.programs)}
    for name, count in replicas.items():
        if name not in services:
            what = "is a program, and only services have replicas" if name in parts else "is no service to replicate"
            yield f"{name!r} {what}; there are {', '.join(sorted(services))}"
        elif not 1 <= count <= MOST:
            yield f"{name} cannot have {count} replicas; give it 1 to {MOST}"
        elif taken := [label for slot in slots(count) if (label := label_of(name, slot)) in parts - {name}]:
            yield f"a replica of {name} would be called {taken[0]}, as something else is; rename that"
