"""One supervised process as a state machine: no clock, no socket, only what is known and what follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from atoll.system.replicas import label_of
from atoll.system.restart import RestartPolicy, Restarts
from atoll.system.state import Condition, Kind, ProcessState
from atoll.system.wire import Module, Preparation, Services

ATTEMPTS: Final = 3
"""So often is a process started that was never ready before it counts as one that cannot start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to run: `port` is where a program will listen; a service finds one itself and says so."""

    name: str
    kind: Kind
    job: Services | Module | Preparation
    environ: Mapping[str, str]
    log: Path
    instance: int = 0
    port: int = 0

    @property
    def key(self) -> str:
        """What the process is called between supervisor and warm parent."""
        return f"{self.name}/{self.instance}"

    @property
    def label(self) -> str:
        """What the process is called by people."""
        return label_of(self.name, self.instance)


@dataclass(slots=True)
class Member:
    """A process through its starts and ends. `live` from the order to start it until it is gone.

    `failure` is the last reason it gave for ending; `final` that starting it again would not help.
    """

    plan: Plan
    policy: RestartPolicy
    condition: Condition = "starting"
    live: bool = False
    pid: int = 0
    started: float = 0.0
    addresses: Mapping[str, str] = field(default_factory=dict[str, str])
    failure: str = ""
    final: bool = False
    was_ready: bool = False
    restarts: Restarts = field(init=False)

    def __post_init__(self) -> None:
        self.restarts = Restarts(self.policy)

    def order(self) -> None:
        """It was asked for."""
        self.live, self.condition, self.failure, self.final = True, "starting", "", False

    def begin(self, pid: int, now: float) -> None:
        """It exists."""
        self.pid, self.started = pid, now

    def succeed(self, addresses: Mapping[str, str]) -> None:
        """It is ready."""
        self.addresses, self.was_ready = addresses, True
        if self.condition == "starting":
            self.condition = "ready"

    def fail(self, message: str, *, final: bool) -> None:
        """It said why it is about to end."""
        self.failure, self.final = message, final

    def end(self, code: int, now: float) -> float | None:
        """It is gone: return the seconds after which to start it again, None when it is not to be."""
        self.live, self.pid = False, 0
        if self.condition == "stopping":
            self.condition = "stopped"
            return None
        if not self.final:
            self.failure = f"{self.failure or f'it ended with {ending(code)}'}; see {self.plan.log}"
        delay = self.restarts.ended(now - self.started)
        if not self.was_ready and (self.final or self.restarts.total >= ATTEMPTS):
            self.condition = "failed"
            return None
        self.condition = "waiting"
        return delay

    def stop(self) -> None:
        """It is to end and stay so."""
        self.condition = "stopping" if self.live else "stopped"

    @property
    def sentence(self) -> str:
        """Why it cannot start."""
        return f"{self.plan.label} cannot start: {self.failure}"

    def states(self) -> list[ProcessState]:
        """What it looks like from outside: one record for each service in it, or one for a program."""
        job = self.plan.job
        names = job.names if isinstance(job, Services) else (self.plan.name,)
        return [
            ProcessState(
                name=name,
                kind=self.plan.kind,
                instance=self.plan.instance,
                pid=self.pid,
                condition=self.condition,
                address=self.addresses.get(name, "") if self.pid else "",
                restarts=self.restarts.total,
                started=self.started,
                log=str(self.plan.log),
            )
            for name in names
        ]


def ending(code: int) -> str:
    """How a process ended, in words."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"
