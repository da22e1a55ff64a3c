"""What the driver needs to know of a system that it measures, whoever built it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil
from aiohttp import ClientSession

Kind = Literal["service", "platform", "engine", "outside"]
Enrol = Callable[[ClientSession, str], Awaitable[str]]
"""Open an account for an e-mail address and return its access token."""


class Failed(Exception):
    """The benchmark has no result; the message says what went wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process: a service, what keeps services running, a real engine, or the world outside."""

    name: str
    kind: Kind
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A running shop. `data` holds a SQLite file for each service, with the same columns in both shops."""

    name: str
    gateway_url: str
    data: Path
    processes: Sequence[Process]
    enrol: Enrol

    def cpu_seconds(self) -> dict[str, float]:
        """Return the processor time, of user and system, that each process has used so far."""
        found: dict[str, float] = {}
        for each in self.processes:
            times = psutil.Process(each.pid).cpu_times()
            found[each.name] = times.user + times.system
        return found
