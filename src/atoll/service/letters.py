"""What an operator may do with the dead letters of a service. Never routed by the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qs

import msgspec

from atoll.contracts import Event
from atoll.messaging.errors import NoSuchLetter
from atoll.messaging.replay import Replay
from atoll.service.errors import InvalidRequest
from atoll.service.http import Reply, Request, json_reply
from atoll.storage import Database, DeadLetter, LetterGone

T = TypeVar("T")


class ReplayRequest(msgspec.Struct, frozen=True):
    """Which letters: the one of `id`, those of `key`, or all with `seq` above `after`."""

    id: str = ""
    key: str = ""
    after: int = 0


class DiscardRequest(msgspec.Struct, frozen=True):
    """Why a message is given up for good."""

    reason: str


class DeadLetterEndpoints:
    """Views and commands under `/_atoll/deadletters`, as JSON. `events` are the service's, by type."""

    def __init__(self, db: Database, replay: Replay, events: Mapping[str, type[Event]]) -> None:
        self._letters = db.dead_letters
        self._replay = replay
        self._events = events

    async def list(self, request: Request) -> Reply:
        """The messages that were given up on, oldest first; only those of `?key=` if it is given."""
        key = parse_qs(request.query).get("key", [""])[0]
        return json_reply([_view(each) for each in await self._letters.list(key=key)])

    async def show(self, request: Request) -> Reply:
        """One of them, with its headers and the end of the error's traceback."""
        letter = await self._get(request)
        view = _view(letter) | {"traceback": letter.traceback, "headers": letter.message.headers()}
        return json_reply(view | {"edits": letter.edits})

    async def edit(self, request: Request) -> Reply:
        """Take the body as the letter's data, once it fits the event's type."""
        letter = await self._get(request)
        self._check(letter, request.body)
        if not await self._letters.edit(letter, request.body):
            raise LetterGone(f"the dead letter {letter.id} was replayed, changed or discarded meanwhile; look again")
        return json_reply(_view(await self._get(request)))

    async def replay(self, request: Request) -> Reply:
        """Try letters again; returns after some seconds at the latest and says where to go on."""
        which = _read(request.body, ReplayRequest)
        if which.id:
            return json_reply(await self._replay.one(which.id))
        if which.key:
            return json_reply(await self._replay.key(which.key))
        return json_reply(await self._replay.all(after=which.after))

    async def discard(self, request: Request) -> Reply:
        """Remove a letter for good."""
        reason = _read(request.body, DiscardRequest).reason.strip()
        if not reason:
            raise InvalidRequest("say why the message is discarded", field="reason")
        return json_reply(await self._replay.discard(request.parameters["letter_id"], reason))

    async def _get(self, request: Request) -> DeadLetter:
        letter = await self._letters.get(request.parameters["letter_id"])
        if letter is None:
            raise NoSuchLetter(f"there is no dead letter {request.parameters['letter_id']}")
        return letter

    def _check(self, letter: DeadLetter, data: bytes) -> None:
        """Hold new data to the event's type, or to JSON where the type is not known."""
        kind = letter.message.type
        event: type[Any] = self._events.get(kind, object)
        try:
            msgspec.json.decode(data, type=event)
        except msgspec.DecodeError as error:
            name = event.__name__ if kind in self._events else "JSON"
            raise InvalidRequest(f"the new data is no {name}: {error}", field="") from error


def _view(letter: DeadLetter) -> dict[str, Any]:
    message = letter.message
    return {
        "seq": letter.seq,
        "id": letter.id,
        "consumer": letter.consumer,
        "type": message.type,
        "key": message.key,
        "source": message.source,
        "error": letter.error,
        "attempts": letter.attempts,
        "time": letter.time,
        "data": message.data.decode(errors="replace"),
    }


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except msgspec.DecodeError as error:
        raise InvalidRequest(str(error), field="") from error
