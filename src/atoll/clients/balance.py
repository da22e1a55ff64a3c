"""Which instance takes the next call: round robin over those whose breaker lets it through. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from atoll.clients.errors import CircuitOpen, NoInstances
from atoll.core.clock import Clock
from atoll.discovery.port import Instance
from atoll.resilience import Breaker, BreakerPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """An instance to call; `done` must be told once how that went."""

    instance: Instance
    breaker: Breaker
    generation: int

    def done(self, ok: bool | None) -> None:
        """`ok`: the instance did its work; None when the call says nothing about it (it was cancelled)."""
        self.breaker.leave(self.generation, ok)


class RoundRobin:
    """Each instance in turn. A breaker belongs to an instance at an address: a restarted one begins with a new one."""

    def __init__(self, policy: BreakerPolicy, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock
        self._turn = 0
        self._breakers: dict[tuple[str, str], Breaker] = {}

    def pick(self, instances: Sequence[Instance], *, avoid: Collection[str] = ()) -> Pick:
        """Return the next instance, one whose id is not in `avoid` if there is any.

        Raises NoInstances when `instances` is empty and CircuitOpen when every breaker is open.
        """
        if not instances:
            raise NoInstances("the registry knows no passing instance of the service")
        self._turn = (self._turn + 1) % len(instances)
        line = [*instances[self._turn :], *instances[: self._turn]]
        for instance in sorted(line, key=lambda each: each.id in avoid) if avoid else line:
            breaker = self._breaker(instance, instances)
            if (generation := breaker.enter()) is not None:
                return Pick(instance=instance, breaker=breaker, generation=generation)
        raise CircuitOpen("every instance of the service failed too often just now; calls are held back for a moment")

    def _breaker(self, instance: Instance, instances: Sequence[Instance]) -> Breaker:
        key = (instance.id, instance.address)
        if key not in self._breakers:
            present = {(each.id, each.address) for each in instances}
            self._breakers = {each: breaker for each, breaker in self._breakers.items() if each in present}
            self._breakers[key] = Breaker(self._policy, self._clock)
        return self._breakers[key]
