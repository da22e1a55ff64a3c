"""Whether a simulated system has come to rest: nothing is under way and nothing waits."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from atoll.clients.port import Request
from atoll.testing.simulation.broker import SimulatedBroker
from atoll.testing.simulation.network import run_app
from atoll.testing.simulation.unit import Unit


async def unrest(units: Sequence[Unit], broker: SimulatedBroker) -> list[str]:
    """Return a sentence for each thing that keeps the system from being at rest."""
    found = [f"{unit.name} is not up" for unit in units if unit.host is None or unit.process.stopped]
    if not found:
        found += [f"{unit.name} has {backlog}" for unit in _one_each(units) if (backlog := await _backlog(unit))]
    found += [
        f"{group.name} has {group.backlog} messages to settle" for group in broker.groups.values() if group.backlog
    ]
    return found


def _one_each(units: Sequence[Unit]) -> list[Unit]:
    """One replica of each service: they share a database."""
    return list({unit.plan.service.name: unit for unit in units}.values())


async def _backlog(unit: Unit) -> str:
    """What the service itself says of the work that waits; empty when there is none."""
    if unit.host is None:
        return "gone down again"
    reply = await run_app(unit.host.app, Request(method="GET", target="/_atoll/backlog"))
    if reply.status != 200:
        return f"no answer for us ({reply.status})"
    waiting = msgspec.json.decode(reply.body, type=dict[str, int])
    return ", ".join(f"{count} in its {what}" for what, count in waiting.items() if count)
