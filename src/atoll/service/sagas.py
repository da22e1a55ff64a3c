"""What an operator may do with the sagas of a service: look, retry, skip, resolve. Never routed by the gateway."""

from __future__ import annotations

from typing import Literal

import msgspec

from atoll.core.ids import new_id
from atoll.saga import SagaEngine
from atoll.service.errors import InvalidRequest, NotFound
from atoll.service.http import Reply, Request, json_reply


class DecisionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Who decides, and why. `id` makes a repeated request the same decision; `result` is what it gives, as JSON."""

    id: str = msgspec.field(default_factory=new_id)
    who: str
    note: str = ""
    result: msgspec.Raw = msgspec.Raw()
    ending: Literal["completed", "compensated"] = "completed"

    @property
    def text(self) -> str | None:
        """The result as text."""
        return bytes(self.result).decode() or None


class SagaEndpoints:
    """Views and commands under `/_atoll/sagas`, as JSON."""

    def __init__(self, sagas: SagaEngine) -> None:
        self._journal = sagas.journal
        self._decisions = sagas.decisions

    async def list(self, request: Request) -> Reply:
        """The newest sagas, parked ones first."""
        return json_reply(await self._journal.recent())

    async def show(self, request: Request) -> Reply:
        """One saga, its recorded steps and its operators' decisions, in order."""
        saga_id = request.parameters["saga_id"]
        row = await self._journal.get(saga_id)
        if row is None:
            raise NotFound(f"there is no saga {saga_id}")
        steps, decisions = await self._journal.steps(saga_id), await self._journal.decisions(saga_id)
        return json_reply({"saga": row, "steps": steps, "decisions": decisions})

    async def retry(self, request: Request) -> Reply:
        """Go on with a parked saga."""
        asked = _read(request)
        saga_id = request.parameters["saga_id"]
        return json_reply(await self._decisions.retry(saga_id, decision=asked.id, who=asked.who, note=asked.note))

    async def skip(self, request: Request) -> Reply:
        """Go on behind what a parked saga is stuck at."""
        asked = _read(request)
        saga_id = request.parameters["saga_id"]
        return json_reply(
            await self._decisions.skip(saga_id, decision=asked.id, who=asked.who, note=asked.note, result=asked.text)
        )

    async def resolve(self, request: Request) -> Reply:
        """Call a parked saga ended."""
        asked = _read(request)
        return json_reply(
            await self._decisions.resolve(
                request.parameters["saga_id"],
                asked.ending,
                decision=asked.id,
                who=asked.who,
                note=asked.note,
                result=asked.text,
            )
        )


def _read(request: Request) -> DecisionRequest:
    try:
        asked = msgspec.json.decode(request.body or b"{}", type=DecisionRequest)
    except msgspec.DecodeError as error:
        raise InvalidRequest(str(error), field="") from error
    if not asked.who.strip():
        raise InvalidRequest("say who decides", field="who")
    return asked
