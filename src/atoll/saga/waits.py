"""Waiting that survives a restart: for a time, and for an event."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from atoll.contracts import Event
from atoll.core.errors import DeclarationError
from atoll.saga import points
from atoll.saga.errors import EventMissing
from atoll.saga.events import NEVER, HeardEvent, HeardEvents, wait_name
from atoll.saga.failures import Rest, document_of
from atoll.saga.replay import digest_of
from atoll.saga.rows import Kind, StepOutcome, StepRow
from atoll.saga.run import Run, interrupting

E = TypeVar("E", bound=Event)


class _Kept(msgspec.Struct):
    seq: int
    event: msgspec.Raw


class Waits:
    """The timers and the events of one execution."""

    def __init__(self, run: Run, events: HeardEvents, hears: tuple[type[Event], ...]) -> None:
        self._run = run
        self._events = events
        self._hears = hears
        self._last: dict[str, int] = {}

    async def until(self, name: str, seconds: float | None, when: float | None) -> None:
        """See Saga.sleep."""
        if (seconds is None) == (when is None):
            raise DeclarationError(f"sleep {name!r} needs either seconds or until")
        run, clock = self._run, self._run.around.clock
        place, recorded = run.reach(name, "timer", "")
        if recorded is not None and recorded.outcome == "done":
            return
        due = clock.now() + (seconds or 0.0) if when is None else when
        if recorded is not None and recorded.due is not None:
            due = recorded.due
        long = due - clock.now() > run.journal.lease_seconds
        if recorded is None or long:
            await self._note(self._row(name, "timer", place, "waiting", due=due), rests=long)
        if long:
            raise Rest
        await clock.sleep(max(0.0, due - clock.now()))
        await self._note(self._row(name, "timer", place, "done", due=due))

    async def event(self, name: str, event: type[E], key: str, timeout: float | None) -> E:
        """See Saga.wait_for."""
        self._check(event)
        run = self._run
        place, recorded = run.reach(name, "event", digest_of([event.event_type, key]))
        if recorded is None or recorded.outcome == "waiting":
            due = self._due(recorded, timeout)
            recorded = await self._look(self._row(name, "event", place, "waiting", due=due), event.event_type, key)
        if recorded.outcome == "failed":
            raise _missing(run.row.id, event.event_type, key)
        kept = msgspec.json.decode(recorded.result or "", type=_Kept)
        self._last[wait_name(event.event_type, key)] = kept.seq
        return msgspec.json.decode(kept.event, type=event)

    def _due(self, recorded: StepRow | None, timeout: float | None) -> float:
        if recorded is not None and recorded.due is not None:
            return recorded.due
        return NEVER if timeout is None else self._run.around.clock.now() + timeout

    async def _look(self, waiting: StepRow, event_type: str, key: str) -> StepRow:
        """Take the event if it is there, or let the saga rest until it comes: in one transaction, so none slips by."""
        run, wait = self._run, wait_name(event_type, key)

        async def work() -> StepRow:
            found = await self._events.next(event_type, key, self._last.get(wait, run.row.hears_after or 0))
            row = self._looked(waiting, found, event_type, key)
            run.journal.record(run.lease, row)
            if row.outcome == "waiting":
                run.journal.rest(run.lease, row.due or NEVER, wait)
            return row

        with interrupting():
            row = await run.journal.writing(run.lease, work)
        if row.outcome == "waiting":
            points.RESTED.reached()
            raise Rest
        return row

    def _looked(self, waiting: StepRow, found: HeardEvent | None, event_type: str, key: str) -> StepRow:
        now = self._run.around.clock.now()
        if found is not None:
            result = f'{{"seq":{found.seq},"event":{found.data}}}'
            return msgspec.structs.replace(waiting, outcome="done", result=result, time=now)
        if now >= (waiting.due or NEVER):
            error = document_of(_missing(self._run.row.id, event_type, key))
            return msgspec.structs.replace(waiting, outcome="failed", error=error, time=now)
        return waiting

    async def _note(self, row: StepRow, *, rests: bool = False) -> None:
        run = self._run

        async def work() -> None:
            run.journal.record(run.lease, row)
            if rests:
                run.journal.rest(run.lease, row.due or NEVER)

        with interrupting():
            await run.journal.writing(run.lease, work)
        if rests:
            points.RESTED.reached()

    def _row(self, name: str, kind: Kind, place: int, outcome: StepOutcome, *, due: float) -> StepRow:
        now = self._run.around.clock.now()
        return StepRow(name=name, kind=kind, outcome=outcome, place=place, attempts=1, due=due, time=now)

    def _check(self, event: type[Event]) -> None:
        name = event.__name__
        if event not in self._hears:
            raise DeclarationError(
                f"saga {self._run.row.name} waits for {name}, which it does not declare; "
                f"write @saga(waits_for=[{name}]), so that the service takes these events from the start"
            )
        if event.event_key is None:
            raise DeclarationError(f"{name} has no key to wait for; declare it: class {name}(Event, key=...)")


def _missing(saga_id: str, event_type: str, key: str) -> EventMissing:
    return EventMissing(saga_id, f"no {event_type} with key {key!r} came in time")
