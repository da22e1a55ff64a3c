"""After the storm: wait until a system is quiet, and hold it to what it declares and to what it told its customers."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

import msgspec

from atoll.clients import Clients, HTTPTransport
from atoll.core import AtollError
from atoll.discovery import Resolver, open_registry
from atoll.messaging import MessagingError
from atoll.system import System
from atoll.torture.victims import Victims

T = TypeVar("T")

LOOKS: Final = 3
"""So many looks in a row must find everything in order, because a late message may still come."""
PAUSE_SECONDS: Final = 0.7
FACTS: Final = "what customers were told can be looked up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was found. `violations` are by invariant; `seconds` is how long it took to get there.

    `stuck` says what still waits, is parked, or was given up on.
    """

    violations: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    lost: Sequence[str] = ()
    doubled: Sequence[str] = ()
    stuck: Sequence[str] = ()
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Nothing is wrong, and it was looked."""
        return bool(self.violations) and not (any(self.violations.values()) or self.lost or self.doubled or self.stuck)


class Settling:
    """Looks at a system that no customer uses any more. `waiting` asks the broker for unsettled messages."""

    def __init__(
        self,
        system: System,
        victims: Victims,
        clients: Clients,
        *,
        acknowledged: Iterable[str],
        waiting: Callable[[], Awaitable[Mapping[str, int]]],
    ) -> None:
        self._system = system
        self._victims = victims
        self._clients = clients
        self._acknowledged = frozenset(acknowledged)
        self._waiting = waiting

    async def settle(self, *, limit: float) -> Outcome:
        """Return what there is once all is in order, or what is still wrong after `limit` seconds."""
        began, in_order = time.monotonic(), 0
        while True:
            late = time.monotonic() - began > limit
            outcome = await self._look(thorough=late)
            in_order = in_order + 1 if outcome.good else 0
            if in_order == LOOKS or late:
                return replace(outcome, seconds=time.monotonic() - began)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _look(self, *, thorough: bool) -> Outcome:
        stuck = await self._stuck()
        if stuck and not thorough:
            return Outcome(stuck=stuck)
        violations = {each.name: await checked(each.check(self._clients)) for each in self._system.invariants}
        lost, doubled, wrong = await self._compared()
        return Outcome(violations={**violations, FACTS: wrong}, lost=lost, doubled=doubled, stuck=stuck)

    async def _compared(self) -> tuple[list[str], list[str], list[str]]:
        if self._system.load is None:
            return [], [], []
        try:
            lost, doubled = compare(self._acknowledged, await self._system.load.facts(self._clients))
        except AtollError as error:
            return [], [], [f"could not be looked up: {error}"]
        return lost, doubled, []

    async def _stuck(self) -> list[str]:
        services = self._victims.services()
        found = list(dict.fromkeys([each for name in services for each in await self._stuck_in(name)]))
        try:
            waiting = await self._waiting()
        except MessagingError as error:
            return [*found, f"the broker does not answer: {error}"]
        return found + [f"{count} messages wait for {group}" for group, count in waiting.items() if count]

    async def _stuck_in(self, name: str) -> list[str]:
        backlog = await self._asked(name, "/_atoll/backlog", _Backlog)
        sagas = await self._asked(name, "/_atoll/sagas", list[_Saga])
        letters = await self._asked(name, "/_atoll/deadletters", list[_Letter])
        if backlog is None or sagas is None or letters is None:
            return [f"{name} does not answer"]
        service = self._victims.service_of(name)  # replicas have one database, and would all say the same
        found = [f"{service}: {backlog.outbox} messages are not published"] if backlog.outbox else []
        found += [f"{service}: {backlog.sagas} sagas are open"] if backlog.sagas else []
        found += [f"{service}: {backlog.projections} events are not in its views"] if backlog.projections else []
        found += [f"{service}: saga {each.id} is parked" for each in sagas if each.status == "parked"]
        return found + [f"{service}: {each.type} {each.id} is a dead letter: {each.error}" for each in letters]

    async def _asked(self, name: str, path: str, kind: type[T]) -> T | None:
        body = await self._victims.ask(name, path)
        return None if body is None else msgspec.json.decode(body, type=kind)


def compare(acknowledged: Iterable[str], found: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return which acknowledged facts are not among the `found`, and which found ones are there more than once."""
    counts = Counter(found)
    lost = [fact for fact in sorted(set(acknowledged)) if not counts[fact]]
    return lost, [f"{fact}: {count} times" for fact, count in sorted(counts.items()) if count > 1]


async def checked(check: Awaitable[list[str]]) -> list[str]:
    """Return the violations that `check` finds, or that it could not be made."""
    try:
        return await check
    except AtollError as error:
        return [f"could not be checked: {error}"]


@asynccontextmanager
async def clients_of(registry_url: str) -> AsyncGenerator[Clients]:
    """Clients that find the services of a running system, as its services do."""
    registry = open_registry(registry_url)
    resolver, transport = Resolver(registry), HTTPTransport()
    try:
        yield Clients(resolver, transport)
    finally:
        await resolver.close()
        await transport.close()
        await registry.close()


class _Backlog(msgspec.Struct):
    """How much work waits in one service: unpublished messages, open sagas, events that views lack."""

    outbox: int
    sagas: int
    projections: int = 0


class _Saga(msgspec.Struct):
    id: str
    status: str


class _Letter(msgspec.Struct):
    id: str | int
    type: str
    error: str
