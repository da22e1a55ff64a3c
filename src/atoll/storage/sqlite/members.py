"""What a shared commit is made of: its members, and how long such things took of late."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from atoll.storage.errors import StorageError
from atoll.storage.port import Statement

WEIGHT: Final = 1 / 16
"""How much the latest time counts in a mean of recent ones."""


@dataclass(slots=True)
class Pace:
    """How many seconds units of work hold the connection, and commits take, in the recent mean.

    Written by the thread, read by the loop. `shares` turns false for good when a shared commit met a deferred
    constraint: SQLite checks those at the commit and does not say whose they are.
    """

    hold: float = 0.0
    commit: float = 0.0
    shares: bool = True

    def held(self, seconds: float) -> None:
        self.hold += (seconds - self.hold) * WEIGHT

    def committed(self, seconds: float) -> None:
        self.commit = self.commit + (seconds - self.commit) * WEIGHT if self.commit else seconds


@dataclass(slots=True)
class Group:
    """One transaction. `kept` and `lost` belong to the thread, the rest to the loop.

    `kept` counts the members whose work stands in it; `lost` is why it was undone without being asked for.
    `waiting` are the members that have ended and wait for the commit, the first of them since `since`, and no longer
    than until `timer` runs.
    """

    pace: Pace
    kept: int = 0
    lost: StorageError | None = None
    waiting: list[asyncio.Future[StorageError | None]] = field(
        default_factory=list[asyncio.Future[StorageError | None]]
    )
    since: float = 0.0
    timer: asyncio.TimerHandle | None = None


@dataclass(slots=True)
class Member:
    """One unit of work in a group. The loop changes `group`, `used`, `left` and `expected`, the thread the rest.

    `left`: it has ended by undoing what it did, if the thread does not know it yet.
    `expected` are the statements it begins with, of which each is to change one row, or its error is raised.
    `saved`: it began with a savepoint. `failure` is what its own last statements met, or why it can do no more.
    `culprit`: it was one of its own statements at which SQLite undid the transaction.
    """

    group: Group
    used: bool = False
    left: bool = False
    expected: list[tuple[Statement, StorageError]] = field(default_factory=list[tuple[Statement, StorageError]])
    opened: bool = False
    saved: bool = False
    began: float = 0.0
    failure: StorageError | None = None
    culprit: bool = False
