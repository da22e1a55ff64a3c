from __future__ import annotations

import msgspec
import pytest

from atoll.contracts import Event, ordering_key
from atoll.core import DeclarationError
from tests.unit.contracts.library import BookBorrowed, LibraryClosed


class Renamed(Event, event_type="org.example.book-lost"):
    isbn: str


class Numbered(Event, key="number"):
    number: int


class Detailed(BookBorrowed):
    shelf: str = ""


def test_the_type_is_made_of_package_module_name_and_version() -> None:
    assert (BookBorrowed.event_type, LibraryClosed.event_type) == (
        "tests.library.BookBorrowed.v1",
        "tests.library.LibraryClosed.v2",
    )


def test_the_type_can_be_given_whole() -> None:
    assert Renamed.event_type == "org.example.book-lost"


def test_the_value_of_the_key_orders_events() -> None:
    assert ordering_key(BookBorrowed(isbn="1", loan_id="2")) == "1"
    assert ordering_key(Numbered(number=7)) == "7"


def test_an_event_without_a_key_has_no_order() -> None:
    assert ordering_key(LibraryClosed(reason="night")) == ""


def test_an_event_made_from_another_keeps_its_key_and_has_its_own_type() -> None:
    assert (Detailed.event_key, Detailed.event_type) == ("isbn", "tests.test_event.Detailed.v1")


def test_the_key_is_one_of_the_fields() -> None:
    with pytest.raises(DeclarationError, match=r"event Wrong: key='isbn' is not one of its fields \(title\)"):

        class Wrong(Event, key="isbn"):
            title: str


def test_a_fact_does_not_change() -> None:
    event = LibraryClosed(reason="night")
    with pytest.raises(AttributeError):
        event.reason = "day"  # type: ignore[misc]


def test_fields_are_given_by_name() -> None:
    with pytest.raises(TypeError):
        LibraryClosed("night")  # type: ignore[misc]


def test_a_reader_ignores_fields_it_does_not_know() -> None:
    assert msgspec.json.decode(b'{"reason": "night", "by": "x"}', type=LibraryClosed).reason == "night"
