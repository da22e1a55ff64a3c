"""A small contract that has one of everything, for the tests of this folder."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Protocol

import msgspec

from atoll.contracts import Event, Problem, Rate, command, contract, query


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """A title and how many of it there are."""

    isbn: Annotated[str, msgspec.Meta(pattern="^[0-9]{13}$", examples=["9780134494166"])]
    title: str
    copies: Annotated[int, msgspec.Meta(ge=0)] = 1
    tags: list[str] = []


class Loan(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    isbn: str
    due: datetime


class Borrow(msgspec.Struct, frozen=True, kw_only=True):
    isbn: str
    days: int = 14


class NoCopyLeft(Problem, status=409):
    """Every copy of this title is out."""

    isbn: str
    due: datetime | None = None


class UnknownTitle(Problem, status=404):
    """There is no such title."""

    isbn: str


class BookBorrowed(Event, key="isbn"):
    """A reader took a copy home."""

    isbn: str
    loan_id: str


class LibraryClosed(Event, version=2):
    reason: str


@contract("library", events=[BookBorrowed, LibraryClosed])
class Library(Protocol):
    """Books, and who has them."""

    @command("POST /loans", raises=[NoCopyLeft, UnknownTitle], public=True, status=201)
    async def borrow(self, request: Borrow) -> Loan:
        """Take a copy home.

        The reader is the token's subject.
        """
        ...

    @command("DELETE /loans/{loan_id}", public=True, roles=["reader", "librarian"])
    async def give_back(self, loan_id: str) -> None: ...

    @command("PUT /books/{isbn}", roles=["librarian"], max_body=4096)
    async def add(self, isbn: str, book: Book) -> Book: ...

    @query("GET /books", public=True, anonymous=True, limit=Rate(requests=30, seconds=10))
    async def search(
        self, text: str, tag: list[str] | None = None, order: Literal["title", "isbn"] = "title", page: int = 1
    ) -> list[Book]: ...

    @query("GET /books/{number}", raises=[UnknownTitle], public=True, anonymous=True)
    async def book(self, number: str) -> Book: ...
