"""What an operator may decide about a parked saga: go on, skip what it is stuck at, or call it ended.

A decision is written with its effect in one transaction, under an id of its own and the saga's next epoch: made twice
it takes effect once, of two different ones the first wins, and whoever still worked on the saga can write no more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

import msgspec

from atoll.saga import points
from atoll.saga.declare import SagaDefinition
from atoll.saga.errors import NotDecidable, SagaUnknown
from atoll.saga.journal import Journal
from atoll.saga.rows import Action, Decision, SagaRow

Ending = Literal["completed", "compensated"]

DONE: Final[dict[Action, str]] = {"retry": "retried", "skip": "skipped", "resolve": "resolved"}


class Decisions:
    """Decisions about the sagas of one service; `spawn` works on a saga that goes on."""

    def __init__(
        self,
        journal: Journal,
        definitions: Mapping[tuple[str, int], SagaDefinition],
        spawn: Callable[[SagaRow], None],
    ) -> None:
        self._journal = journal
        self._db = journal.db
        self._definitions = definitions
        self._spawn = spawn

    async def retry(self, saga_id: str, *, decision: str, who: str, note: str = "") -> SagaRow:
        """Go on with the step or undo that failed, or with the saga's code. Returns the saga as it is then.

        `decision` is the decision's id: making the same one again changes nothing, on whichever replica. Raises
        SagaUnknown, NotDecidable when the saga is not parked or its code is not here.
        """
        return await self._decide(saga_id, "retry", decision, who, note)

    async def skip(
        self, saga_id: str, *, decision: str, who: str, note: str = "", result: str | None = None
    ) -> SagaRow:
        """Take the step or undo that failed as done, and go on behind it. For the rest see `retry`.

        `result` is JSON text, what a step is to have returned. Without one, a step whose outcome is unknown is taken
        as not done, and is not undone; for an undo it has no meaning and is refused.
        """
        return await self._decide(saga_id, "skip", decision, who, note, result=result)

    async def resolve(
        self, saga_id: str, ending: Ending, *, decision: str, who: str, note: str = "", result: str | None = None
    ) -> SagaRow:
        """Call the saga ended, because what it should have done or undone was seen to by hand.

        `result` is JSON text, what a completed saga is to have returned to its callers. For the rest see `retry`.
        """
        return await self._decide(saga_id, "resolve", decision, who, note, result=result, ending=ending)

    async def _decide(
        self,
        saga_id: str,
        action: Action,
        decision: str,
        who: str,
        note: str,
        *,
        result: str | None = None,
        ending: Ending | None = None,
    ) -> SagaRow:
        async def work() -> SagaRow:
            row = await self._find(saga_id)
            if await self._is_made(decision, saga_id, action):
                return row
            self._check(row, action, result, ending)
            await self._check_parked(row)
            step = row.stuck.step if row.stuck is not None else ""
            if action == "skip":
                await self._skip(row, result)
            made = Decision(
                id=decision,
                saga_id=saga_id,
                action=action,
                step=step,
                who=who,
                note=note,
                result=result,
                time=self._journal.clock.now(),
            )
            return await self._make(row, made, ending)

        return await self._db.atomic(work)

    async def _find(self, saga_id: str) -> SagaRow:
        row = await self._journal.get(saga_id)
        if row is None:
            raise SagaUnknown(saga_id, f"there is no saga {saga_id}")
        return row

    async def _is_made(self, decision: str, saga_id: str, action: Action) -> bool:
        made = await self._journal.decision(decision)
        if made is None:
            return False
        if (made.saga_id, made.action) != (saga_id, action):
            raise NotDecidable(
                saga_id, f"the decision {decision} was to {made.action} saga {made.saga_id}; use a new id"
            )
        return True

    async def _check_parked(self, row: SagaRow) -> None:
        if row.status == "parked":
            return
        last = ([None, *await self._journal.decisions(row.id)])[-1]
        before = ""
        if last is not None:
            seconds = max(0.0, self._journal.clock.now() - last.time)
            before = f"; {last.who} {DONE[last.action]} it {seconds:.0f} s ago"
        raise NotDecidable(row.id, f"saga {row.id} is {row.status}, not parked, so there is nothing to decide{before}")

    def _check(self, row: SagaRow, action: Action, result: str | None, ending: Ending | None) -> None:
        definition = self._definitions.get((row.name, row.version))
        if action != "resolve" and definition is None:
            raise NotDecidable(
                row.id,
                f"the code of saga {row.name}, version {row.version}, is not here, so it cannot go on; "
                "start that code first, or resolve the saga",
            )
        if result is not None and not _is_json(result):
            raise NotDecidable(row.id, "the result is not JSON")
        if ending == "compensated" and result is not None:
            raise NotDecidable(row.id, "a saga that is resolved as compensated has no result; leave it out")
        if ending == "completed" and definition is not None:
            try:
                msgspec.json.decode(result or "null", type=definition.result)
            except msgspec.MsgspecError as error:
                raise NotDecidable(row.id, f"the result does not fit what {row.name} returns: {error}") from error

    async def _skip(self, row: SagaRow, result: str | None) -> None:
        stuck = row.stuck
        if stuck is None or not stuck.step:
            raise NotDecidable(row.id, f"saga {row.id} is not stuck at a step but in its own code; retry or resolve it")
        if stuck.kind == "undo" and result is not None:
            raise NotDecidable(
                row.id, f"what is stuck is the undo of {stuck.step!r}, which has no result; leave it out"
            )
        changed = await self._db.execute(
            "UPDATE atoll_saga_steps SET outcome = 'skipped', result = $1, error = NULL, time = $2 "
            "WHERE saga_id = $3 AND name = $4 AND kind = $5 AND outcome IN ('stuck', 'unknown', 'skipped')",
            result,
            self._journal.clock.now(),
            row.id,
            stuck.step,
            stuck.kind,
        )
        if changed != 1:
            raise NotDecidable(row.id, f"step {stuck.step!r} of saga {row.id} is not stuck any more; look at it again")

    async def _make(self, row: SagaRow, decision: Decision, ending: Ending | None) -> SagaRow:
        await self._journal.note(decision)
        decided = await (
            self._journal.go_on(row) if ending is None else self._journal.settle(row, ending, decision.result)
        )
        if decided is None:
            raise NotDecidable(row.id, f"someone else has just decided about saga {row.id}; look at it again")
        if ending is None:
            self._db.unit_of_work().after_commit(lambda: self._begin(decided))
        return decided

    def _begin(self, row: SagaRow) -> None:
        points.DECIDED.reached()
        self._spawn(row)


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True
