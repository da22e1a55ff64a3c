from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.contracts import Problem, UnknownProblem, problem_from
from atoll.core import AtollError, DeclarationError
from tests.unit.contracts.library import Book, NoCopyLeft, UnknownTitle


class Rich(Problem, status=422, uri="https://example.org/rich", title="Too rich"):
    """The first line is shown.

    The others are for developers.
    """

    text: str
    numbers: list[int] = []
    counts: dict[int, int] = {}
    when: datetime | None = None
    book: Book | None = None


class HTTPTooOldError(Problem):
    retryable: ClassVar[bool] = True


class NoCopyLeftToday(NoCopyLeft):
    until: str = "tomorrow"


riches = st.builds(
    Rich,
    text=st.text(),
    numbers=st.lists(st.integers(-(2**63), 2**63 - 1)),
    counts=st.dictionaries(st.integers(0, 99), st.integers(0, 99)),
    when=st.none() | st.datetimes(timezones=st.just(UTC)),
    book=st.none() | st.builds(Book, isbn=st.just("9780134494166"), title=st.text()),
)


def fields(problem: Problem) -> dict[str, Any]:
    return {name: getattr(problem, name) for name in problem.struct().__struct_fields__}


@given(riches)
def test_a_problem_is_raised_again_as_it_was(problem: Rich) -> None:
    wire = msgspec.json.encode(problem.document())
    again = problem_from(msgspec.json.decode(wire))
    assert (type(again), fields(again)) == (Rich, fields(problem))


def test_the_document_is_that_of_rfc_9457_with_the_fields_beside() -> None:
    assert NoCopyLeft(isbn="978").document(instance="/loans") == {
        "type": "urn:problem:tests.library.NoCopyLeft",
        "title": "No copy left",
        "status": 409,
        "detail": "Every copy of this title is out.",
        "code": "no_copy_left",
        "instance": "/loans",
        "isbn": "978",
        "due": None,
    }


def test_a_problem_reads_as_its_docstrings_first_line() -> None:
    assert str(Rich(text="x")) == "The first line is shown."


def test_a_problem_without_a_docstring_reads_as_its_title() -> None:
    assert str(HTTPTooOldError()) == "Http too old error"


def test_title_and_type_can_be_given() -> None:
    assert (Rich.title, Rich.uri, Rich.code) == ("Too rich", "https://example.org/rich", "rich")


def test_fields_with_defaults_may_be_left_out_and_are_not_shared() -> None:
    first = Rich(text="x")
    first.numbers.append(1)
    assert Rich(text="y").numbers == []


def test_a_missing_field_and_an_unknown_one_are_told() -> None:
    with pytest.raises(TypeError, match="isbn"):
        UnknownTitle()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="UnknownTitle has no field shelf"):
        UnknownTitle(isbn="1", shelf="2")  # type: ignore[call-arg]


def test_a_problem_of_a_problem_has_its_status_and_its_fields() -> None:
    problem = NoCopyLeftToday(isbn="978")
    assert (problem.status, problem.isbn, problem.until) == (409, "978", "tomorrow")


def test_a_problem_is_an_error_of_the_toolkit_with_a_code_and_may_say_it_can_be_retried() -> None:
    assert issubclass(HTTPTooOldError, AtollError)
    assert (HTTPTooOldError.code, HTTPTooOldError.retryable) == ("http_too_old_error", True)


def test_fields_that_do_not_fit_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        NoCopyLeft.from_document({"isbn": 978})


def test_a_problem_that_nobody_declares_is_kept_as_it_came() -> None:
    document = {"type": "urn:problem:other.Strange", "detail": "Something strange.", "status": 418}
    problem = problem_from(document)
    assert isinstance(problem, UnknownProblem)
    assert (str(problem), problem.document()) == ("Something strange.", document)


@pytest.mark.parametrize("status", [200, 399, 600])
def test_the_status_of_a_problem_is_that_of_an_error(status: int) -> None:
    with pytest.raises(DeclarationError, match=f"status={status}, but a problem's status is from 400 to 599"):

        class Wrong(Problem, status=status): ...


def test_a_field_cannot_take_the_place_of_a_standard_member() -> None:
    with pytest.raises(DeclarationError, match="Wrong: a field cannot be called 'title'"):

        class Wrong(Problem):
            title: str  # type: ignore[misc]
