"""Health: the state of a service and the probes that tell it.

`/livez`: the process turns (restart it if not). `/readyz`: it may be sent requests; it does not look at what all
replicas share, because then none would be left when that is away. `/health`: everything, for people.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Any

from atoll.core.errors import AtollError
from atoll.service.http import Reply, Request, json_reply


class HealthState(StrEnum):
    """The life of a service, in order."""

    STARTING = "starting"
    HEALTHY = "healthy"
    STOPPING = "stopping"
    STOPPED = "stopped"


Check = Callable[[], Awaitable[None]]


class Health:
    """The state of one service, and checks of what it stands on."""

    def __init__(self, name: str, version: str, instance: str, dependencies: Sequence[str]) -> None:
        self.state = HealthState.STARTING
        self._about = {
            "service": name,
            "version": version,
            "instance": instance,
            "dependencies": list(dependencies),
        }
        self._began = time.monotonic()
        self._checks: dict[str, Check] = {}

    def add(self, name: str, check: Check) -> None:
        """Look at `name` on each `/health`; `check` raises when it is not well."""
        self._checks[name] = check

    async def live(self, request: Request) -> Reply:
        """200 as long as the loop turns."""
        return json_reply({"status": "alive"})

    async def ready(self, request: Request) -> Reply:
        """200 while healthy, else 503."""
        return json_reply({"status": self.state}, status=200 if self.state is HealthState.HEALTHY else 503)

    async def report(self, request: Request) -> Reply:
        """The state, what the service is, and each check; 503 unless all is well.

        A service that is healthy but for a check that fails is told to be degraded.
        """
        checks = {name: await _outcome(check) for name, check in self._checks.items()}
        failing = any(outcome != "ok" for outcome in checks.values())
        well = self.state is HealthState.HEALTHY and not failing
        body: dict[str, Any] = {
            "status": "degraded" if failing and self.state is HealthState.HEALTHY else self.state,
            **self._about,
            "uptime_seconds": round(time.monotonic() - self._began, 1),
            "checks": checks,
        }
        return json_reply(body, status=200 if well else 503)


async def _outcome(check: Check) -> str:
    try:
        await check()
    except AtollError as error:
        return f"down: {error}"
    return "ok"
