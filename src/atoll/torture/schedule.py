"""Which faults come when: a pure function of a seed.

The kinds are those of Jepsen's nemeses, as far as one machine has them (https://jepsen.io/analyses), and
messages published again, which every broker may do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal, get_args

from atoll.torture.errors import WrongTorture

Kind = Literal["kill", "down", "stop", "broker", "cut", "silence", "delay", "duplicate"]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
MEANING: Final[Mapping[Kind, str]] = {
    "kill": "kill -9 of a process",
    "down": "kill -9 of a replica, kept away for longer than a lease",
    "stop": "SIGSTOP, and SIGCONT after less or more than a lease",
    "broker": "kill -9 of the broker, started again",
    "cut": "connections reset, and refused for a while",
    "silence": "connections on which nothing arrives for a while",
    "delay": "connections on which everything comes late",
    "duplicate": "published messages published again",
}
WEIGHTS: Final[Mapping[Kind, int]] = {
    "kill": 8,
    "down": 1,
    "stop": 4,
    "broker": 1,
    "cut": 2,
    "silence": 1,
    "delay": 1,
    "duplicate": 2,
}
LONG_STOPS: Final = 4
"""Every so many-th stop outlasts the lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault: `at` seconds after the first fact was confirmed, lasting `seconds` (0: a blow that does not last).

    `amount` is how many messages come again, or by how many seconds a connection is late.
    """

    at: float
    kind: Kind
    target: str
    seconds: float = 0.0
    amount: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What can be hurt: processes killed and stopped, links cut, messages repeated, the broker if it is ours.

    `replicas` are those processes without which others of the same service go on.
    `lease` is the longest time, in seconds, for which something holds what nobody else may have.
    """

    processes: Sequence[str] = ()
    replicas: Sequence[str] = ()
    links: Sequence[str] = ()
    messages: Sequence[str] = ()
    broker: str = ""
    lease: float = 10.0
    targets: Mapping[Kind, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        links, processes = tuple(self.links), tuple(self.processes)
        targets: dict[Kind, tuple[str, ...]] = {
            "kill": processes,
            "down": tuple(self.replicas),
            "stop": processes,
            "broker": (self.broker,) if self.broker else (),
            "cut": links,
            "silence": links,
            "delay": links,
            "duplicate": tuple(self.messages),
        }
        object.__setattr__(self, "targets", targets)


def possible(kinds: Sequence[Kind], ground: Ground) -> list[Kind]:
    """Return those of `kinds` that have a target. Raises WrongTorture when none has."""
    found: list[Kind] = [kind for kind in kinds if ground.targets[kind]]
    if not found:
        raise WrongTorture(f"there is nothing here for faults of kind {', '.join(kinds)}; choose other --kinds")
    return found


def schedule(seed: int, ground: Ground, *, faults: int, seconds: float, kinds: Sequence[Kind]) -> tuple[Fault, ...]:
    """Return `faults` faults within `seconds` in the order of time; the same arguments give the same faults.

    Kinds come in the proportion of their weights, each at least once where there is room for all.
    Raises WrongTorture when none of `kinds` has a target.
    """
    random = Random(f"torture/{seed}")
    dealt = _deal(possible(kinds, ground), faults)
    made = [_make(kind, number, ground, random) for kind, count in dealt.items() for number in range(count)]
    random.shuffle(made)
    times = sorted(random.uniform(0.0, seconds) for _ in made)
    return tuple(
        Fault(at=at, kind=each.kind, target=each.target, seconds=each.seconds, amount=each.amount)
        for at, each in zip(times, made, strict=True)
    )


def _deal(kinds: Sequence[Kind], count: int) -> dict[Kind, int]:
    """Share `count` out by weight; each next one goes to the kind that is owed most."""
    dealt = dict.fromkeys(kinds, 0)
    for _ in range(count):
        owed = min(dealt, key=lambda kind: (dealt[kind] > 0, (dealt[kind] + 1) / WEIGHTS[kind]))
        dealt[owed] += 1
    return dealt


def _make(kind: Kind, number: int, ground: Ground, random: Random) -> Fault:
    target = random.choice(ground.targets[kind])
    seconds, amount = 0.0, 0.0
    match kind:
        case "down":
            seconds = ground.lease * random.uniform(1.1, 1.4)
        case "stop":
            longer = number % LONG_STOPS == LONG_STOPS - 3
            seconds = ground.lease * (random.uniform(1.1, 1.4) if longer else random.uniform(0.02, 0.4))
        case "broker":
            seconds = random.uniform(0.0, 1.5)
        case "cut" | "silence":
            seconds = random.uniform(0.0, 3.0)
        case "delay":
            seconds, amount = random.uniform(0.5, 4.0), random.uniform(0.01, 0.3)
        case "duplicate":
            amount = float(random.randint(1, 50))
        case "kill":
            pass
    return Fault(at=0.0, kind=kind, target=target, seconds=seconds, amount=amount)
