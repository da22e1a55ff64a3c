from __future__ import annotations

from typing import Protocol

import pytest

from atoll.contracts import command, contract, is_contract, missing_operations, query, spec_of, wrong_operations
from atoll.core import DeclarationError
from tests.unit.contracts.library import Book, BookBorrowed, Library, LibraryClosed


class Shelf(Library):
    """A service's class, as far as a contract can tell."""

    async def give_back(self, loan_id: str) -> None: ...


def test_a_contract_has_its_operations_in_the_order_they_are_written() -> None:
    names = [each.name for each in spec_of(Library).operations]
    assert names == ["borrow", "give_back", "add", "search", "book"]


def test_a_contract_knows_its_events_and_its_purpose() -> None:
    spec = spec_of(Library)
    assert (spec.name, spec.events, spec.doc) == (
        "library",
        (BookBorrowed, LibraryClosed),
        "Books, and who has them.",
    )


def test_an_operation_is_found_by_its_name() -> None:
    assert spec_of(Library).operation("borrow").path == "/loans"
    with pytest.raises(KeyError):
        spec_of(Library).operation("burn")


def test_a_service_has_the_contract_it_implements_but_is_none() -> None:
    assert spec_of(Shelf) is spec_of(Library)
    assert (is_contract(Library), is_contract(Shelf), is_contract("Library")) == (True, False, False)


def test_operations_that_are_only_inherited_are_missing() -> None:
    assert missing_operations(Shelf) == ("borrow", "add", "search", "book")


class Sloppy(Library):
    """Implements operations so that they cannot be called."""

    def give_back(self, loan_id: str) -> None: ...  # type: ignore[override]

    async def book(self, nummer: str) -> Book: ...  # type: ignore[override]

    async def add(self, isbn: str, book: Book, place: str = "shelf") -> Book: ...


def test_operations_that_cannot_be_called_as_the_contract_says_are_wrong() -> None:
    assert wrong_operations(Sloppy) == (
        "Sloppy.give_back must be `async def`",
        "Sloppy.book cannot be called with (number) as its contract says: missing a required argument: 'nummer'",
    )


def test_what_is_no_contract_is_told() -> None:
    with pytest.raises(DeclarationError, match="Book is not a contract; decorate it with @contract"):
        spec_of(Book)


@pytest.mark.parametrize("name", ["", "Library", "my library", "9lives", "a_b"])
def test_a_contracts_name_can_stand_in_a_url(name: str) -> None:
    with pytest.raises(DeclarationError, match="must be lower-case letters, digits and '-'"):
        contract(name)


def test_a_contract_is_a_protocol() -> None:
    with pytest.raises(DeclarationError, match=r"contract 'plain': write `class Plain\(Protocol\)`"):

        @contract("plain")
        class Plain: ...


def test_two_operations_of_a_contract_cannot_share_a_route() -> None:
    with pytest.raises(DeclarationError, match="one and other have the same route DELETE"):

        @contract("twice")
        class Twice(Protocol):
            @command("DELETE /books/{isbn}")
            async def one(self, isbn: str) -> None: ...

            @command("DELETE /books/{number}")
            async def other(self, number: str) -> None: ...


def test_two_methods_of_one_path_are_two_routes() -> None:
    @contract("both")
    class Both(Protocol):
        @command("PUT /books/{isbn}")
        async def put(self, isbn: str) -> None: ...

        @query("GET /books/{isbn}")
        async def get(self, isbn: str) -> str: ...

    assert len(spec_of(Both).operations) == 2


def test_a_coroutine_that_is_no_operation_is_a_mistake_that_is_told() -> None:
    with pytest.raises(DeclarationError, match=r"forgotten is not an operation; decorate it"):

        @contract("things")
        class Things(Protocol):
            async def forgotten(self) -> None: ...
