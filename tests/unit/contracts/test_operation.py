from __future__ import annotations

from collections.abc import Callable
from datetime import date
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import msgspec
import pytest

from atoll.contracts import Operation, Rate, command, query
from atoll.contracts.compiler import compile_operation, is_text
from atoll.core import DeclarationError
from tests.unit.contracts.library import Book, Borrow, NoCopyLeft


class Size(Enum):
    SMALL = "s"


def compiled(route: str, function: Callable[..., Any], **options: Any) -> Operation:
    decorate = query if route.startswith("GET") else command
    return compile_operation("library", decorate(route, **options)(function))


async def nothing(self: object) -> None: ...
async def by_isbn(self: object, isbn: str) -> None: ...
async def change(self: object, isbn: str, book: Book, page: int = 1) -> Book: ...
async def two_bodies(self: object, book: Book, loan: Borrow) -> None: ...
async def optional_body(self: object, book: Book | None = None) -> None: ...
async def mapping(self: object, counts: dict[str, int]) -> None: ...
async def no_result(self: object, isbn: str): ...  # type: ignore[no-untyped-def]
async def no_json(self: object) -> complex: ...


async def no_type(self: object, isbn) -> None: ...  # type: ignore[no-untyped-def]
async def not_imported(self: object, isbn: Elsewhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821


def test_each_parameter_travels_in_the_place_its_name_and_type_say() -> None:
    operation = compiled("PUT /books/{isbn}", change)
    assert [(each.name, each.place) for each in operation.parameters] == [
        ("isbn", "path"),
        ("book", "body"),
        ("page", "query"),
    ]


def test_a_parameter_with_a_default_is_not_required() -> None:
    operation = compiled("PUT /books/{isbn}", change)
    assert [each.required for each in operation.parameters] == [True, True, False]


def test_the_body_is_the_parameter_that_is_a_struct() -> None:
    body = compiled("PUT /books/{isbn}", change).body
    assert body is not None
    assert body.type is Book


def test_an_operation_without_a_struct_has_no_body() -> None:
    operation = compiled("DELETE /books/{isbn}", by_isbn)
    assert (operation.body, operation.placed("path")[0].name) == (None, "isbn")


def test_an_operation_that_returns_nothing_answers_204() -> None:
    operation = compiled("POST /refresh", nothing)
    assert (operation.result, operation.status) == (None, 204)


def test_an_operation_that_returns_something_answers_200_unless_told_otherwise() -> None:
    assert compiled("PUT /books/{isbn}", change).status == 200
    assert compiled("PUT /books/{isbn}", change, status=201).status == 201


def test_what_the_decorator_was_told_is_kept() -> None:
    told = {"raises": [NoCopyLeft], "public": True, "roles": ["a"], "limit": Rate(requests=1), "timeout": 3.0}
    operation = compiled("POST /refresh", nothing, **told)
    assert (operation.raises, operation.public, operation.roles, operation.limit, operation.timeout) == (
        (NoCopyLeft,),
        True,
        ("a",),
        Rate(requests=1, seconds=60),
        3.0,
    )


def test_an_operation_is_named_after_its_contract_and_method() -> None:
    assert compiled("POST /refresh", nothing).id == "library.nothing"


@pytest.mark.parametrize("route", ["GET /", "GET /a", "GET /.well-known/jwks.json", "GET /a-b/c_d:e/f~g"])
def test_a_plain_path_is_a_route(route: str) -> None:
    assert compiled(route, nothing).path == route.removeprefix("GET ")


@pytest.mark.parametrize(
    ("route", "function", "told"),
    [
        ("/books", nothing, "library.nothing: '/books' is not a route; write it like 'POST /things/{id}'"),
        ("FETCH /books", nothing, "'FETCH /books' is not a route"),
        ("POST books", nothing, "'POST books' is not a route"),
        ("POST /a b", nothing, "'POST /a b' is not a route"),
        ("POST /books/", nothing, "'POST /books/' is not a route"),
        ("POST /books/{Isbn}", by_isbn, "'POST /books/{Isbn}' is not a route"),
        ("POST /books/x{isbn}", by_isbn, "'POST /books/x{isbn}' is not a route"),
        ("POST /books/{isbn}", nothing, "each {name} in the path needs one parameter of that name"),
        ("POST /books/{isbn}/{isbn}", by_isbn, "each {name} in the path needs one parameter of that name"),
        ("POST /books", two_bodies, "only one parameter can be a struct, because it is the JSON body"),
        ("POST /books", optional_body, "'book' travels in the query, so it must be a plain value"),
        ("POST /books", mapping, "'counts' travels in the query, so it must be a plain value"),
        ("POST /books/{book}", optional_body, "'book' travels in the path, so it must be a plain value"),
        ("POST /books", no_result, "library.no_result must say what it returns"),
        ("POST /books", no_json, "library.no_json returns complex, which has no form in JSON; use plain values"),
        ("POST /books", no_type, "library.no_type: parameter 'isbn' needs a type"),
        ("POST /books", not_imported, "library.not_imported: the type 'Elsewhere' is not known in"),
    ],
)
def test_a_wrong_declaration_is_told_in_one_sentence(route: str, function: Callable[..., Any], told: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        compiled(route, function)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("decorate", "route"), [(query, "POST /books"), (query, "DELETE /books"), (command, "GET /books")]
)
def test_a_query_reads_and_a_command_writes(decorate: Callable[..., Any], route: str) -> None:
    with pytest.raises(DeclarationError, match="uses"):
        compile_operation("library", decorate(route)(nothing))


@pytest.mark.parametrize(
    "kind",
    [str, int, float, bool, date, UUID, Size, str | None, list[int], list[str] | None, tuple[str, ...]],
)
def test_plain_values_and_lists_of_them_can_travel_as_text(kind: Any) -> None:
    assert is_text(kind)
    assert is_text(Annotated[kind, msgspec.Meta(description="limited")])


@pytest.mark.parametrize("kind", [Book, dict[str, str], list[Book], list[list[str]], Book | None, object])
def test_structures_cannot_travel_as_text(kind: Any) -> None:
    assert not is_text(kind)
