"""What an operator may see of a service's event store. Never routed by the gateway."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from atoll.eventstore import START, EventStore, Position, Query, RecordedEvent, StreamDeleted
from atoll.service.errors import InvalidRequest
from atoll.service.http import Reply, Request, json_reply

MOST: Final = 1000
"""Events in one answer, and in one look into the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which events: of a stream or of all, up to a version or a time, those that match, at most `limit`."""

    stream: str
    tenant: str
    query: Query
    limit: int
    after: Position | None
    version: int | None
    until: float

    @classmethod
    def read(cls, query: str) -> Asked:
        """Read the query of a request. Raises InvalidRequest."""
        values = parse_qs(query)
        one = {name: found[-1] for name, found in values.items()}
        version, until = _moment(one.get("at", ""))
        return cls(
            stream=one.get("stream", ""),
            tenant=one.get("tenant", ""),
            query=Query.of(types=values.get("type", ()), tags=values.get("tag", ())),
            limit=min(MOST, max(1, _number(one.get("limit", "50"), "limit"))),
            after=_position(one.get("after", "")),
            version=version,
            until=until,
        )

    def of(self, events: list[RecordedEvent]) -> list[RecordedEvent]:
        """Return those of a stream's events that are asked for."""
        return [each for each in events if self.query.matches(each.type, each.tags) and each.time <= self.until]


class EventEndpoints:
    """Views under `/_atoll/events`, as JSON."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def show(self, request: Request) -> Reply:
        """The newest events of `?stream=`, or of all streams, or the next ones after a position (`after`).

        `type` and `tag` may be given several times; `at` is a version of the stream, or a time (ISO 8601), behind which
        nothing is shown; `limit` how many, `tenant` whose stream. Ask for what comes then with `after` the `position`.
        """
        asked = Asked.read(request.query)
        if asked.stream:
            events = await self._of_stream(asked)
        elif asked.version is not None:
            raise InvalidRequest("a version is one of a stream: name the stream, or give a time", field="at")
        elif asked.after is not None:
            events = await self._page(asked, asked.after, asked.limit)
        else:
            events = await (self._newest(asked) if asked.until == inf else self._newest_then(asked))
        position = events[-1].position if events else asked.after or START
        return json_reply({"position": str(position), "events": [_view(each) for each in events]})

    async def _of_stream(self, asked: Asked) -> list[RecordedEvent]:
        store = self._store.of(asked.tenant) if asked.tenant else self._store
        try:
            found = asked.of(await store.read(asked.stream, limit=asked.version))
        except StreamDeleted as error:
            raise InvalidRequest(f"the stream {asked.stream!r} was deleted for good", field="stream") from error
        if asked.after is not None:
            return [each for each in found if each.position > asked.after][: asked.limit]
        return found[-asked.limit :]

    async def _page(self, asked: Asked, after: Position, limit: int) -> list[RecordedEvent]:
        return await self._store.read_all(query=asked.query, after=after, limit=limit, every_tenant=True)

    async def _newest(self, asked: Asked) -> list[RecordedEvent]:
        """Look back from the end in ever longer steps, until there is enough."""
        end, step = await self._store.end(), asked.limit
        while True:
            after = _before(end, step)
            found = await self._last(asked, after)
            if len(found) >= asked.limit or after == START:
                return found
            step *= 8

    async def _newest_then(self, asked: Asked) -> list[RecordedEvent]:
        """Return the last events up to a time. Events are nearly in the order of their times."""
        return await self._last(asked, START)

    async def _last(self, asked: Asked, after: Position) -> list[RecordedEvent]:
        found: list[RecordedEvent] = []
        while page := await self._page(asked, after, MOST):
            found = [*found, *(each for each in page if each.time <= asked.until)][-asked.limit :]
            after = page[-1].position
            if len(page) < MOST or page[-1].time > asked.until:
                break
        return found


def _before(end: Position, step: int) -> Position:
    """Return a position that is likely to have some events between it and `end`; START when that is near."""
    if end.transaction:
        return Position(end.transaction - step, 0) if end.transaction > step else START
    return Position(0, end.number - step) if end.number > step else START


def _view(event: RecordedEvent) -> dict[str, Any]:
    view: dict[str, Any] = msgspec.structs.asdict(event)
    return view | {"position": str(event.position), "data": event.data.decode(errors="replace")}


def _number(text: str, field: str) -> int:
    if not text.isdecimal():
        raise InvalidRequest(f"{field} is {text!r}, but must be a whole number", field=field)
    return int(text)


def _position(text: str) -> Position | None:
    try:
        return Position.parse(text) if text else None
    except ValueError:
        raise InvalidRequest(f"{text!r} is no position; take one from an event", field="after") from None


def _moment(text: str) -> tuple[int | None, float]:
    """Return the version or the time (epoch seconds) that is named; neither limits anything when it is not."""
    if not text:
        return None, inf
    if text.isdecimal():
        return int(text), inf
    try:
        return None, datetime.fromisoformat(text).timestamp()
    except ValueError:
        message = f"{text!r} is neither a version nor a time; write 7, or 2026-11-22T19:00"
        raise InvalidRequest(message, field="at") from None
