"""The system that is killed: a till that takes orders by a saga over a bank, and keeps a ledger of every event.

Each service writes what it does into a table of its own and nowhere guards against doing it twice: that each
effect happens once is the toolkit's affair alone.
"""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from atoll.contracts import Event, Message, Problem, command, contract, query
from atoll.eventstore import EventStore, NewEvent
from atoll.messaging import UndecodableMessage
from atoll.resilience import RetryPolicy
from atoll.saga import Saga, saga
from atoll.service import Service, on
from atoll.storage import Database
from tests.crash.arming import arm, take_time

MARK: Final = "mark"
"""The last event of a case that either service tells."""
POISON: Final = "poison"
"""What no handler takes before there is a remedy."""
REMEDY: Final = "remedy"
LATER: Final = "later"
"""What is told a moment after it was done."""
LATER_SECONDS: Final = 0.1
WRAP: Final = RetryPolicy(attempts=1)


class Told(Event, key="thread"):
    """The till did something."""

    thread: str
    what: str


class Moved(Event, key="thread"):
    """The bank did something."""

    thread: str
    what: str


class Refused(Problem, status=409):
    """It cannot be done."""


class Note(msgspec.Struct, frozen=True):
    """Something to do; what is done in a thread keeps its order."""

    thread: str
    what: str


class Order(msgspec.Struct, frozen=True):
    thread: str
    name: str
    ships: bool


@contract("bank", events=[Moved])
class Bank(Protocol):
    @command("POST /charges")
    async def charge(self, request: Note) -> str: ...

    @command("POST /refunds")
    async def refund(self, request: Note) -> None: ...

    @command("POST /parcels", raises=[Refused])
    async def ship(self, request: Order) -> str: ...

    @command("POST /notes")
    async def note(self, request: Note) -> str: ...

    @query("GET /records/{case}")
    async def record(self, case: str) -> str: ...

    @query("GET /arms/{where}")
    async def arm(self, where: str) -> str: ...


@contract("till", events=[Told])
class Till(Protocol):
    @command("POST /notes")
    async def note(self, request: Note) -> str: ...

    @command("POST /orders", raises=[Refused])
    async def order(self, request: Order) -> str: ...

    @command("POST /gifts")
    async def gift(self, request: Note) -> str: ...


class BankService(Service, Bank):
    """Does what it is told, as often as it is told to."""

    schema = (
        "CREATE TABLE IF NOT EXISTS moves (seq {serial}, thread TEXT NOT NULL, what TEXT NOT NULL);"
        "CREATE INDEX IF NOT EXISTS moves_by_thread ON moves (thread, seq);"
    )

    def __init__(self, db: Database) -> None:
        self.db = db

    async def charge(self, request: Note) -> str:
        return await self._move(request.thread, f"charge {request.what}")

    async def refund(self, request: Note) -> None:
        await self._move(request.thread, f"refund {request.what}")

    async def ship(self, request: Order) -> str:
        if not request.ships:
            raise Refused()
        await take_time()
        return await self._move(request.thread, f"ship {request.name}")

    async def note(self, request: Note) -> str:
        return await self._move(request.thread, request.what)

    async def on_start(self) -> None:
        self.events = await EventStore.over(self.db)

    async def record(self, case: str) -> str:
        """Append an event of that id to a stream of its own, and return how many the stream has then."""
        await self.events.append(case, [NewEvent(type="recorded", id=case)])
        return str(len(await self.events.read(case)))

    async def arm(self, where: str) -> str:
        """Let the process die where it is told to."""
        arm(where)
        return where

    async def _move(self, thread: str, what: str) -> str:
        await self.db.execute("INSERT INTO moves (thread, what) VALUES ($1, $2)", thread, what)
        self.emit(Moved(thread=thread, what=what))
        return what


class TillService(Service, Till):
    """Takes orders: place, charge, hear that it was charged, ship; or gives the money back and cancels.

    A gift is decided on, and waits for a word, before it turns out that it cannot be wrapped without a remedy.
    """

    schema = (
        "CREATE TABLE IF NOT EXISTS history (seq {serial}, thread TEXT NOT NULL, what TEXT NOT NULL);"
        "CREATE INDEX IF NOT EXISTS history_by_thread ON history (thread, seq);"
        "CREATE TABLE IF NOT EXISTS ledger "
        "(seq {serial}, thread TEXT NOT NULL, source TEXT NOT NULL, what TEXT NOT NULL);"
        "CREATE INDEX IF NOT EXISTS ledger_by_thread ON ledger (thread, seq);"
    )

    def __init__(self, db: Database, bank: Bank) -> None:
        self.db, self.bank = db, bank

    async def note(self, request: Note) -> str:
        return await self._tell(request.thread, request.what)

    @saga(waits_for=[Moved])
    async def order(self, s: Saga, request: Order) -> str:
        money = Note(request.thread, request.name)
        await s.step("place", self._place, request, undo=lambda _: self._cancel(request))
        await s.step("charge", self.bank.charge, money, undo=lambda _: self.bank.refund(money))
        await s.wait_for(Moved, key=request.thread)
        return await s.step("ship", self.bank.ship, request)

    @saga(waits_for=[Told])
    async def gift(self, s: Saga, request: Note) -> str:
        await s.pivot("decide", self.bank.note, Note(request.thread, "decide"))
        await s.wait_for(Told, key=request.thread)
        return await s.step("wrap", self._wrap, request, retry=WRAP)

    async def _place(self, request: Order) -> str:
        return await self._tell(request.thread, f"place {request.name}")

    async def _cancel(self, request: Order) -> None:
        await self._tell(request.thread, f"cancel {request.name}")

    async def _wrap(self, request: Note) -> str:
        if not await self._has_remedy(request.thread):
            raise Refused()
        return await self._tell(request.thread, "wrap")

    async def _has_remedy(self, thread: str) -> bool:
        sql = "SELECT count(*) FROM history WHERE thread = $1 AND what = $2"
        return bool(await self.db.fetch_value(sql, thread, REMEDY))

    async def _tell(self, thread: str, what: str) -> str:
        await self.db.execute("INSERT INTO history (thread, what) VALUES ($1, $2)", thread, what)
        self.emit(Told(thread=thread, what=what), after=LATER_SECONDS if what == LATER else None)
        return what

    @on(Told, Moved)
    async def enter(self, event: Told | Moved, message: Message) -> None:
        if event.what == POISON and not await self._has_remedy(event.thread):
            raise UndecodableMessage("nobody can take this", message)
        sql = "INSERT INTO ledger (thread, source, what) VALUES ($1, $2, $3)"
        await self.db.execute(sql, event.thread, message.source, event.what)
