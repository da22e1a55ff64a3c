"""A small system for the tests: a library that lends books, and members who are told."""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec

from atoll.contracts import Event, Message, Problem, command, contract, query
from atoll.saga import Saga, saga
from atoll.service import Service, every, on
from atoll.storage import Database


class Lend(msgspec.Struct, frozen=True):
    book: str
    member: str


class Loan(msgspec.Struct, frozen=True):
    book: str
    member: str


class Lent(Event, key="book"):
    book: str
    member: str


class AlreadyLent(Problem, status=409):
    """Someone else has this book."""

    member: str


@contract("library", events=[Lent])
class Library(Protocol):
    @command("POST /loans", raises=[AlreadyLent], public=True, anonymous=True, max_body=1000)
    async def lend(self, request: Lend) -> Loan: ...

    @query("GET /loans/{book}", public=True, anonymous=True)
    async def loan(self, book: str) -> list[Loan]: ...

    @command("DELETE /loans/{book}", public=True, roles=["librarian"])
    async def give_back(self, book: str) -> None: ...

    @command("POST /slow", timeout=0.2)
    async def slow(self) -> None: ...

    @command("POST /broken")
    async def broken(self) -> None: ...


@contract("members")
class Members(Protocol):
    @query("GET /members/{member}/books")
    async def books(self, member: str) -> list[str]: ...

    @command("POST /borrow", raises=[AlreadyLent])
    async def borrow(self, request: Lend) -> Loan: ...

    @command("POST /borrow-wrongly")
    async def borrow_wrongly(self, request: Lend) -> Loan: ...

    @command("POST /ask-then-note")
    async def ask_then_note(self, request: Lend) -> None: ...

    @query("GET /ticks")
    async def ticks(self) -> int: ...


class LibraryService(Service, Library):
    version = "1.2.3"
    schema = "CREATE TABLE IF NOT EXISTS loans (book TEXT PRIMARY KEY, member TEXT)"

    def __init__(self, db: Database) -> None:
        self.db = db
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    async def lend(self, request: Lend) -> Loan:
        member = await self.db.fetch_value("SELECT member FROM loans WHERE book = $1", request.book)
        if member is not None:
            raise AlreadyLent(member=member)
        await self.db.execute("INSERT INTO loans VALUES ($1, $2)", request.book, request.member)
        self.emit(Lent(book=request.book, member=request.member))
        return Loan(request.book, request.member)

    async def loan(self, book: str) -> list[Loan]:
        return await self.db.fetch_all(Loan, "SELECT book, member FROM loans WHERE book = $1", book)

    async def give_back(self, book: str) -> None:
        await self.db.execute("DELETE FROM loans WHERE book = $1", book)

    async def slow(self) -> None:
        await self.db.execute("INSERT INTO loans VALUES ('slow', '')")
        self.begun.set()
        await self.go_on.wait()

    async def broken(self) -> None:
        raise RuntimeError("a secret of the implementation")


class MembersService(Service, Members):
    schema = "CREATE TABLE IF NOT EXISTS borrowed (member TEXT, book TEXT, event TEXT)"

    def __init__(self, db: Database, library: Library) -> None:
        self.db = db
        self.library = library
        self.ticked = 0
        self.heard = asyncio.Event()

    async def books(self, member: str) -> list[str]:
        value = await self.db.fetch_value("SELECT json_group_array(book) FROM borrowed WHERE member = $1", member)
        return msgspec.json.decode(value, type=list[str])

    @saga
    async def borrow(self, s: Saga, request: Lend) -> Loan:
        return await s.step("lend", self.library.lend, request)

    async def borrow_wrongly(self, request: Lend) -> Loan:
        await self.db.execute("INSERT INTO borrowed VALUES ('x', 'y', 'z')")
        return await self.library.lend(request)

    async def ask_then_note(self, request: Lend) -> None:
        for loan in await self.library.loan(request.book):
            await self.db.execute("INSERT INTO borrowed VALUES ($1, $2, 'noted')", loan.member, loan.book)

    async def ticks(self) -> int:
        return self.ticked

    @on(Lent)
    async def remember(self, event: Lent, message: Message) -> None:
        await self.db.execute("INSERT INTO borrowed VALUES ($1, $2, $3)", event.member, event.book, message.id)
        self.heard.set()

    @every(0.01)
    async def tick(self) -> None:
        self.ticked += 1
