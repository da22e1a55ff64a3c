"""Whose turn it is to write to a SQLite file, and which units of work share a commit.

Units of work write one after the other, first come first served. One that ends while nobody waits is committed at
once: alone, nothing is slower than it would be without groups. When others wait, it may hand its turn on within the
transaction, so that all of them pay for one commit, and are told of it, or of its failure, only when it has returned.

Handing on is not always right: the one who is done waits for all who follow, and one of those may think for long. It
is done while it saves more time than it costs: each who is done waits for one more turn to be held, each who waits has
one commit less before it, both as long as they took of late. So slow units of work soon go alone, as they would gain
little: where turns are long, commits are not what limits. A group takes nobody in after `LONGEST_SECONDS`. A turn that
is longer than expected delays those who are done as it delays those who wait behind it, but for `PATIENCE_SECONDS`
only: then it is undone, to be run again (it meets TransactionConflict), and the others are committed. So nobody waits
for ever, even if what the slow one waits for is the commit of another.

The turn passes as soon as the end of one is given to the thread, which does things in the order they are given: the
next one's first statement waits there, not on the loop, for the commit to end.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from atoll.storage.errors import ConnectionLost, StorageError
from atoll.storage.port import Statement
from atoll.storage.sqlite.group import Ending, end, hurry
from atoll.storage.sqlite.members import Group, Member, Pace
from atoll.storage.sqlite.worker import Worker

MOST_MEMBERS: Final = 128
LONGEST_SECONDS: Final = 0.05
PATIENCE_SECONDS: Final = 1.0

Pays = Callable[[Pace, int, int], bool]
"""Whether to hand the turn on: `(pace, how many are done, how many wait)`."""


def saves_time(pace: Pace, done: int, waiting: int) -> bool:
    """Hand on while that costs those who are done less than it saves those who wait."""
    return done * pace.hold <= waiting * pace.commit


def never(pace: Pace, done: int, waiting: int) -> bool:
    """Give each unit of work a commit of its own; to measure what sharing brings."""
    return False


class Line:
    """The units of work that want to write through one worker."""

    def __init__(self, worker: Worker, pays: Pays = saves_time, *, patience: float = PATIENCE_SECONDS) -> None:
        self._worker = worker
        self._pays = pays
        self._patience = patience
        self._pace = Pace()
        self._holder: Member | None = None
        self._waiting: deque[tuple[asyncio.Future[Member], bool]] = deque()

    async def take(self, *, alone: bool = False) -> Member:
        """Wait for a turn, which `leave` ends. `alone`: in no group, for what is no unit of work."""
        if self._holder is None:
            self._holder = Member(Group(self._pace))
            return self._holder
        turn: asyncio.Future[Member] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, alone))
        try:
            return await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was given the turn, and does not know
                self.let_go(turn.result())
            raise

    def leave(
        self, member: Member, last: Sequence[Statement] = (), *, keep: bool
    ) -> asyncio.Future[StorageError | None]:
        """End the turn; the future tells, when the group has ended, why nothing of it was committed, or None."""
        group, member.left = member.group, not keep
        told: asyncio.Future[StorageError | None] = asyncio.get_running_loop().create_future()
        if not (group.waiting or member.used or last):
            told.set_result(None)
            self._give(Group(self._pace))
            return told
        shared = self._next_shares(group, keep=keep)
        group.waiting.append(told)
        self._worker.post(partial(_ended, group), partial(end, keep=keep, commit=not shared), member, last)
        if shared and group.timer is None:
            group.since = time.monotonic()
            group.timer = told.get_loop().call_later(self._patience, self._hurry, group)
        self._give(group if shared else Group(self._pace))
        return told

    def let_go(self, member: Member) -> None:
        """End the turn of one that has done nothing with it, or all that it wanted."""
        _ = self.leave(member, keep=False)

    def _next_shares(self, group: Group, *, keep: bool) -> bool:
        while self._waiting and self._waiting[0][0].done():
            self._waiting.popleft()
        if not self._waiting or self._waiting[0][1] or not self._pace.shares:
            return False
        done = len(group.waiting)
        if not (keep or done) or done >= MOST_MEMBERS:
            return False
        if done and time.monotonic() - group.since > LONGEST_SECONDS:
            return False
        return self._pays(self._pace, done + 1, len(self._waiting))

    def _give(self, group: Group) -> None:
        self._holder = None
        while self._waiting:
            turn, _ = self._waiting.popleft()
            if not turn.done():
                self._holder = Member(group)
                turn.set_result(self._holder)
                return

    def _hurry(self, group: Group) -> None:
        """Commit what is done of `group`, which has waited long enough for the one who holds the turn."""
        holder = self._holder
        if holder is not None and holder.group is group:
            holder.group = Group(self._pace)
            self._worker.post(partial(_ended, group), hurry, holder, group)


def _ended(group: Group, ending: Ending | None, error: BaseException | None) -> None:
    """Tell the members of `group` what came of it, if it has ended."""
    if ending is not None and not ending.ended:
        return
    if group.timer is not None:
        group.timer.cancel()
    outcome = ending.outcome if ending is not None else ConnectionLost(f"the commit was not made: {error}")
    for told in group.waiting:
        if not told.done():
            told.set_result(outcome)
