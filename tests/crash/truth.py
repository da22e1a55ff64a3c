"""What the databases say of one case, and what they must say: every effect once, in its order."""

from __future__ import annotations

from typing import Final

import msgspec

from atoll.contracts import Message
from atoll.storage import Database
from tests.crash.system import LATER, MARK, POISON, REMEDY, Told

CROWD: Final = 5
"""So many ask at the same time, so that their transactions share a commit where they can."""
GIFT: Final = "gift"
WORD: Final = "word"
HISTORY: Final = {
    "": ["note", "place a", "place b", "cancel b", MARK],
    LATER: [LATER],
    POISON: [POISON, REMEDY],
    GIFT: [WORD, REMEDY, "wrap"],
    **{f"crowd {number}": ["note"] for number in range(CROWD)},
}
"""What the till does, by what stands behind the id of the case in the ordering key."""
MOVES: Final = {"": ["charge a", "ship a", "charge b", "refund b", MARK], GIFT: ["decide"]}
"""What the bank does, likewise."""
SAGAS: Final = {"": ["compensated", "completed", "completed"]}

Course = dict[str, list[str]]


class _Line(msgspec.Struct, frozen=True):
    thread: str
    what: str


class _Letter(msgspec.Struct, frozen=True):
    message: Message


class Truth:
    """Of the case `case`, by the databases of the till and the bank."""

    def __init__(self, till: Database, bank: Database, case: str) -> None:
        self._till, self._bank, self._case = till, bank, case

    async def is_whole(self) -> bool:
        """Tell whether the last event of each thread has arrived."""
        told, moved = await self._ledger("till"), await self._ledger("bank")
        return all(
            course[-1] in found.get(thread, ())
            for found, wanted in ((told, HISTORY), (moved, MOVES))
            for thread, course in wanted.items()
        )

    async def gift_waits(self) -> bool:
        """Tell whether the gift's saga waits for the word."""
        sql = "SELECT count(*) FROM atoll_sagas WHERE name = 'gift' AND waits_for <> '' AND input LIKE '%' || $1 || '%'"
        return int(await self._till.fetch_value(sql, self._case)) == 1

    async def parked_gift(self) -> str | None:
        """Return the id of the gift's saga while it is parked."""
        sql = "SELECT id FROM atoll_sagas WHERE name = 'gift' AND status = 'parked' AND input LIKE '%' || $1 || '%'"
        found = await self._till.fetch_value(sql, self._case)
        return None if found is None else str(found)

    async def gift_is_parked(self) -> bool:
        return await self.parked_gift() is not None

    async def poison_arrived(self) -> bool:
        """Tell whether the poison is a dead letter."""
        return POISON in await self._dead()

    async def remedy_arrived(self) -> bool:
        """Tell whether the remedy is in the ledger or behind the poison."""
        return REMEDY in [*await self._dead(), *(await self._ledger("till")).get(POISON, [])]

    async def has_dead(self) -> bool:
        return bool(await self._dead())

    async def has_ended(self) -> bool:
        """Tell whether no saga of the case goes on."""
        sql = "SELECT count(*) FROM atoll_sagas WHERE ended_at IS NULL AND input LIKE '%' || $1 || '%'"
        return int(await self._till.fetch_value(sql, self._case)) == 0

    async def wrong(self) -> list[str]:
        """Return what is not as it must be, a sentence each."""
        sagas = "SELECT '' AS thread, status AS what FROM atoll_sagas WHERE input LIKE '%' || $1 || '%' ORDER BY status"
        return [
            *_unlike("the till did", await self._courses(self._till, _rows("history")), HISTORY),
            *_unlike("the bank did", await self._courses(self._bank, _rows("moves")), MOVES),
            *_unlike("the ledger has of the till", await self._ledger("till"), HISTORY),
            *_unlike("the ledger has of the bank", await self._ledger("bank"), MOVES),
            *_unlike("the sagas ended", await self._courses(self._till, sagas), SAGAS),
            *(f"{each} is a dead letter" for each in await self._dead()),
        ]

    async def _ledger(self, source: str) -> Course:
        return await self._courses(self._till, _rows("ledger", f" AND source = '{source}'"))

    async def _dead(self) -> list[str]:
        sql = "SELECT key, message FROM atoll_dead_letters WHERE key LIKE $1 || '%' ORDER BY seq"
        letters = await self._till.fetch_all(_Letter, sql, self._case)
        return [each.message.decode(Told).what for each in letters]

    async def _courses(self, database: Database, sql: str) -> Course:
        courses: Course = {}
        for line in await database.fetch_all(_Line, sql, self._case):
            courses.setdefault(line.thread.removeprefix(self._case).removeprefix("/"), []).append(line.what)
        return courses


def _rows(table: str, condition: str = "") -> str:
    return f"SELECT thread, what FROM {table} WHERE thread LIKE $1 || '%'{condition} ORDER BY seq"


def _unlike(what: str, found: Course, wanted: Course) -> list[str]:
    return [
        f"{what}{f' for {key}' * bool(key)} {', '.join(found.get(key, ['nothing']))} instead of "
        f"{', '.join(wanted.get(key, ['nothing']))}"
        for key in sorted(found.keys() | wanted.keys())
        if found.get(key) != wanted.get(key)
    ]
