"""What goes wrong in a simulation, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from random import Random
from typing import Final

_FACTORS: Final = (0.0, 0.3, 1.0, 1.0, 3.0)
_FIXED: Final = frozenset({"seconds", "latency", "slow_seconds", "down_seconds", "stop_seconds"})
QUICK: Final = 0.1
"""A statement takes this share of the time of a hop between machines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Shares of operations from 0 to 1, and mean seconds between events, where 0 means never.

    `seconds` is how long trouble lasts; after that everything heals, and the system must come to rest.
    """

    seconds: float = 30.0

    latency: float = 0.002
    """Typical seconds of one hop."""
    slow: float = 0.01
    slow_seconds: float = 4.0
    """A slow hop takes up to so long."""
    skew: float = 0.5
    """Seconds that the time of day of a process is off at most, either way."""

    statement_fails: float = 0.002
    commit_fails: float = 0.01
    """The database refuses a commit; nothing of it is kept."""
    commit_unknown: float = 0.01
    """The commit raises, and only the database knows whether it was made."""

    publish_lost: float = 0.02
    confirm_lost: float = 0.02
    ack_lost: float = 0.03
    repeated: float = 0.03
    """A message is handed over once more though it was settled, or still is in hand."""
    disconnect_every: float = 20.0
    broker_crash_every: float = 40.0
    store_lost: float = 0.2
    """The share of those crashes after which the broker's store is empty, or back at an older copy."""

    refused: float = 0.01
    request_lost: float = 0.02
    reply_lost: float = 0.03
    request_repeated: float = 0.02

    killed: float = 0.002
    """Shares of a process's hops at which it is killed, or stopped, right there."""
    stopped: float = 0.0003
    down_seconds: float = 4.0
    """A killed process is started again, and a broker or network comes back, within so long."""
    stop_seconds: float = 30.0
    """A stopped process goes on within so long: longer than a lease, so that it may wake up as a zombie."""
    cut_every: float = 20.0
    """Cuts between two services: requests vanish."""

    @classmethod
    def none(cls) -> Faults:
        """Nothing goes wrong; hops still take a time that is drawn."""
        nothing = {each.name: 0.0 for each in fields(cls) if each.name not in _FIXED}
        return cls(**nothing)

    def drawn(self, chance: Random) -> Faults:
        """Return a mix of its own for one seed: some faults left out, some frequent.

        Source: "Swarm testing" (Groce et al., ISSTA 2012): runs that leave features out find more than runs
        that all use everything.
        """
        names = [each.name for each in fields(self) if each.name not in _FIXED]
        return replace(self, **{name: _scaled(name, getattr(self, name), chance.choice(_FACTORS)) for name in names})


def _scaled(name: str, value: float, factor: float) -> float:
    if not name.endswith("_every"):
        return value * factor
    return value / factor if factor else 0.0


class Weather:
    """Draws what happens now. After `calm()` nothing goes wrong any more."""

    def __init__(self, faults: Faults, chance: Random) -> None:
        self.faults = faults
        self.chance = chance
        self.strike: Callable[[], None] = lambda: None
        self._stormy = True

    @property
    def stormy(self) -> bool:
        """True until `calm()`."""
        return self._stormy

    def calm(self) -> None:
        """Let nothing go wrong from now on."""
        self._stormy = False

    def happens(self, share: float) -> bool:
        """Draw whether something that happens in `share` of the cases happens."""
        return self._stormy and self.chance.random() < share

    def hop_seconds(self, scale: float = 1.0) -> float:
        """Draw how long a hop takes."""
        if self.happens(self.faults.slow * scale):
            return self.chance.random() * self.faults.slow_seconds
        return self.chance.random() * 2.0 * self.faults.latency * scale

    def soon(self, mean: float) -> float:
        """Draw the seconds until the next of the events that come every `mean` seconds."""
        return self.chance.expovariate(1.0 / mean)

    async def hop(self, scale: float = 1.0) -> None:
        """Let a hop take its time; before that, `strike` may end the process that makes it."""
        self.strike()
        await asyncio.sleep(self.hop_seconds(scale))
