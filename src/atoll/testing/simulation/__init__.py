"""Deterministic simulation: your services, in one thread, while everything around them goes wrong as a seed says.

The services, their outbox relays, consumers, inboxes, sagas and clients are the real ones; time, scheduling,
database, broker and network are simulated. See docs/how-to/simulate-a-service.md.
"""

from atoll.testing.simulation.errors import NotReplayable, SimulationError, Stuck, Violation
from atoll.testing.simulation.explore import explore, replay, replays_exactly
from atoll.testing.simulation.faults import Faults
from atoll.testing.simulation.ground import principal
from atoll.testing.simulation.loop import SimulationLoop
from atoll.testing.simulation.simulation import Report, Simulation

__all__ = [
    "Faults",
    "NotReplayable",
    "Report",
    "Simulation",
    "SimulationError",
    "SimulationLoop",
    "Stuck",
    "Violation",
    "explore",
    "principal",
    "replay",
    "replays_exactly",
]
