from __future__ import annotations

from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from atoll.contracts import Problem, spec_of
from atoll.contracts.schema import ProblemDocument, Schemas, schemas, schemas_of
from tests.unit.contracts.library import Book, BookBorrowed, Library, NoCopyLeft, UnknownTitle

OTHER_BOOK = msgspec.defstruct("Book", [("author", str)], module="elsewhere")


def validator(kind: Any, known: Schemas) -> Draft202012Validator:
    return Draft202012Validator({**known.of(kind), "components": {"schemas": dict(known.components)}})


@pytest.fixture(scope="module")
def library() -> Schemas:
    return schemas_of(spec_of(Library).operations)


def test_every_component_is_a_valid_schema(library: Schemas) -> None:
    for each in library.components.values():
        Draft202012Validator.check_schema(each)


def test_whatever_travels_has_a_schema(library: Schemas) -> None:
    assert library.of(list[Book]) == {"type": "array", "items": {"$ref": "#/components/schemas/Book"}}


def test_a_type_outside_the_set_is_told(library: Schemas) -> None:
    with pytest.raises(KeyError):
        library.of(BookBorrowed)


def test_what_a_struct_encodes_to_fits_its_schema(library: Schemas) -> None:
    book = msgspec.to_builtins(Book(isbn="9780134494166", title="Clean Architecture"))
    assert validator(Book, library).is_valid(book)
    assert not validator(Book, library).is_valid(book | {"copies": -1})


def test_the_document_of_a_problem_fits_its_schema(library: Schemas) -> None:
    document = NoCopyLeft(isbn="978").document(instance="/loans")
    assert validator(NoCopyLeft, library).is_valid(document)
    assert validator(ProblemDocument, library).is_valid(document)


def test_the_document_of_another_problem_does_not(library: Schemas) -> None:
    document = UnknownTitle(isbn="978").document()
    assert not validator(NoCopyLeft, library).is_valid(document)


def test_a_problem_without_its_fields_does_not_fit(library: Schemas) -> None:
    document = NoCopyLeft(isbn="978").document()
    del document["isbn"]
    assert not validator(NoCopyLeft, library).is_valid(document)


def test_an_event_has_the_schema_of_its_fields() -> None:
    known = schemas([BookBorrowed])
    assert known.components["BookBorrowed"]["required"] == ["isbn", "loan_id"]


def test_two_types_of_one_name_are_two_components() -> None:
    known = schemas([Book, OTHER_BOOK])
    assert known.of(Book) != known.of(OTHER_BOOK)
    assert len(known.components) == 2


def test_a_problem_with_the_name_of_a_struct_is_a_component_of_its_own() -> None:
    problem = type("Book", (Problem,), {"__module__": "elsewhere"})
    known = schemas([Book], [problem])
    assert known.of(Book) != known.of(problem)


def test_a_type_that_is_named_twice_has_one_component() -> None:
    assert list(schemas([Book, Book, list[Book]]).components) == ["Book"]
