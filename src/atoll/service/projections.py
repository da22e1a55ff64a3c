"""What an operator may do with the projections of a service. Never routed by the gateway."""

from __future__ import annotations

from typing import Any

import msgspec

from atoll.projections import ProjectionEngine
from atoll.projections.rows import Parked
from atoll.service.errors import InvalidRequest, NotFound
from atoll.service.http import Reply, Request, json_reply


class ActionRequest(msgspec.Struct, frozen=True):
    """Which event is meant, if not all."""

    event: str = ""


class ProjectionEndpoints:
    """Views and commands under `/_atoll/projections`, as JSON."""

    def __init__(self, projections: ProjectionEngine) -> None:
        self._projections = projections

    async def list(self, request: Request) -> Reply:
        """How each projection is doing."""
        return json_reply(await self._projections.overview())

    async def show(self, request: Request) -> Reply:
        """One projection, and its parked events, oldest first."""
        name = request.parameters["name"]
        found = [each for each in await self._projections.overview() if each.name == name]
        if not found:
            raise NotFound(f"there is no projection {name}")
        return json_reply(
            {"projection": found[0], "parked": [_view(each) for each in await self._projections.parked(name)]}
        )

    async def act(self, request: Request) -> Reply:
        """`rebuild`, `pause`, `resume`, `retry` or `discard`."""
        name, action = request.parameters["name"], request.parameters["action"]
        if name not in self._projections.projections:
            raise NotFound(f"there is no projection {name}")
        engine, event = self._projections, _read(request.body).event
        match action:
            case "rebuild":
                return json_reply({"generation": await engine.rebuild(name)})
            case "pause":
                await engine.pause(name)
            case "resume":
                await engine.resume(name)
            case "retry" | "discard":
                return json_reply({"events": await engine.decide(name, action, event_id=event)})
            case _:
                raise NotFound(f"a projection cannot {action}")
        return json_reply({})


def _view(parked: Parked) -> dict[str, Any]:
    event = parked.event
    return {
        "event": parked.event_id,
        "type": event.type,
        "stream": event.stream,
        "version": event.version,
        "key": parked.key,
        "error": parked.error,
        "attempts": parked.attempts,
        "time": parked.time,
    }


def _read(body: bytes) -> ActionRequest:
    try:
        return msgspec.json.decode(body or b"{}", type=ActionRequest)
    except msgspec.DecodeError as error:
        raise InvalidRequest(str(error), field="") from error
