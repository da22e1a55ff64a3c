from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.clients import CallError, CallTimedOut, Overloaded, Pending, Undone, UnexpectedReply
from atoll.clients.answers import error_of
from atoll.contracts import Problem
from atoll.core.errors import AtollError
from tests.unit.clients.sample import Closed, OutOfStock, problem, reply

DECLARED: dict[str, type[Problem]] = {each.uri: each for each in (OutOfStock, Closed)}


def error(status: int, body: bytes = b"", **headers: str) -> AtollError:
    return error_of(reply(status, body, **headers), DECLARED)


def test_a_declared_problem_comes_back_with_its_fields() -> None:
    found = error_of(problem(**OutOfStock(sku="a", available=3).document()), DECLARED)
    assert isinstance(found, OutOfStock)
    assert (found.sku, found.available) == ("a", 3)


def test_a_declared_problem_with_the_status_of_an_outage_is_still_a_problem() -> None:
    assert isinstance(error_of(problem(**Closed().document()), DECLARED), Closed)


def test_a_problem_that_is_not_declared_is_an_unexpected_reply_that_keeps_it() -> None:
    found = error_of(problem(409, type="urn:problem:other", detail="No."), DECLARED)
    assert isinstance(found, UnexpectedReply)
    assert found.problem["type"] == "urn:problem:other"
    assert "409: No." in str(found)


def test_a_declared_problem_with_other_fields_is_an_unexpected_reply() -> None:
    document = OutOfStock(sku="a", available=3).document() | {"available": "many"}
    assert isinstance(error_of(problem(**document), DECLARED), UnexpectedReply)


def test_a_problem_counts_only_in_its_media_type() -> None:
    document = b'{"type":"%b","sku":"a","available":1}' % OutOfStock.uri.encode()
    assert isinstance(error(409, document, content_type="text/html"), UnexpectedReply)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"title":"\xff"}', b'{"x":' + b"[" * 10**5])
def test_a_problem_that_is_no_json_is_an_unexpected_reply(body: bytes) -> None:
    found = error(400, body, content_type="application/problem+json")
    assert isinstance(found, UnexpectedReply)
    assert found.problem == {}


@pytest.mark.parametrize(("status", "code"), [(500, "undone"), (503, "given_up")])
def test_a_command_that_was_undone_has_its_final_answer(status: int, code: str) -> None:
    found = error_of(problem(status, code=code, detail="Undone."), DECLARED)
    assert isinstance(found, Undone)
    assert (found.status, found.retryable) == (status, False)


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_refusal_for_now_is_overloaded_and_may_be_retried(status: int) -> None:
    found = error(status, retry_after="3")
    assert isinstance(found, Overloaded)
    assert (found.status, found.retry_after, found.retryable) == (status, 3.0, True)


@pytest.mark.parametrize("retry_after", ["", "soon", "-1", "Fri, 31 Dec 2027 23:59:59 GMT", "9" * 10, "²"])
def test_a_retry_after_that_is_not_in_seconds_is_ignored(retry_after: str) -> None:
    found = error(503, retry_after=retry_after)
    assert isinstance(found, Overloaded)
    assert found.retry_after is None


def test_accepted_means_pending_with_the_place_to_ask() -> None:
    found = error(202, location="/sagas/1")
    assert isinstance(found, Pending)
    assert (found.status, found.location, found.retryable) == (202, "/sagas/1", True)


def test_in_progress_means_pending() -> None:
    found = error_of(problem(409, type="about:blank", code="in_progress"), DECLARED)
    assert isinstance(found, Pending)
    assert found.status == 409


def test_another_conflict_is_an_unexpected_reply() -> None:
    assert isinstance(error_of(problem(409, code="conflict"), DECLARED), UnexpectedReply)


def test_a_gateway_timeout_is_a_timeout() -> None:
    assert isinstance(error(504), CallTimedOut)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 422, 500, 501])
def test_any_other_status_is_an_unexpected_reply_that_must_not_be_retried(status: int) -> None:
    found = error(status)
    assert isinstance(found, UnexpectedReply)
    assert (found.status, found.retryable) == (status, False)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)
)


@given(st.integers(100, 999), st.dictionaries(st.sampled_from(["type", "code", "detail", "sku", "status"]), json))
def test_no_reply_makes_anything_but_a_problem_or_a_call_error(status: int, document: dict[str, Any]) -> None:
    document.setdefault("type", OutOfStock.uri)
    document.pop("status", None)
    assert isinstance(error_of(problem(status, **document), DECLARED), Problem | CallError)
