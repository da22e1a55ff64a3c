"""What a running system looks like from outside: the record kept in state.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from atoll.system.replicas import label_of

Stage = Literal["starting", "ready", "stopping", "stopped"]
Condition = Literal["starting", "ready", "waiting", "stopping", "stopped", "failed"]
Kind = Literal["service", "program", "engine", "supervisor"]


class ProcessState(msgspec.Struct, frozen=True, kw_only=True):
    """One process of the system. `started` is in seconds since the epoch; `pid` is 0 while none runs.

    `waiting` means that it ended and is started again after a while; `restarts` counts those. `instance` is the
    slot of a replica, from 1 on; 0 for a process that is the only one of its name.
    """

    name: str
    kind: Kind
    instance: int = 0
    pid: int = 0
    condition: Condition = "starting"
    address: str = ""
    restarts: int = 0
    started: float = 0.0
    log: str = ""

    @property
    def label(self) -> str:
        """What the process is called: its name, and for a replica which one it is."""
        return label_of(self.name, self.instance)

    @property
    def registered_as(self) -> str:
        """The id of its instance in the registry, for a service."""
        return f"{self.name}-{self.instance}"


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A system as its supervisor sees it. URLs are empty for what it does not have (yet)."""

    system: str
    target: str = ""
    stage: Stage = "starting"
    pid: int = 0
    started: float = 0.0
    gateway_url: str = ""
    registry_url: str = ""
    broker_url: str = ""
    programs: Mapping[str, str] = {}
    processes: tuple[ProcessState, ...] = ()

    def process(self, name: str) -> ProcessState | None:
        """Return the process called `name`, if there is one; a replica is called by its service and its number."""
        return next((each for each in self.processes if each.label == name), None)
