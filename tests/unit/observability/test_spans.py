"""The span that each record becomes."""

from __future__ import annotations

import pytest

from atoll.observability.records import UNMATCHED
from atoll.observability.spans import client_span, message_span, saga_span, server_span, step_span
from tests.unit.observability.records import TRACE, call, message, request, saga, step


def test_a_request_is_named_by_method_and_route() -> None:
    assert server_span(request()).name == "GET /stock/{sku}"


def test_a_request_without_a_route_is_named_by_its_method_alone() -> None:
    assert server_span(request(endpoint=UNMATCHED, status=404)).name == "GET"


def test_a_method_that_nobody_knows_is_not_in_the_name() -> None:
    span = server_span(request(method="BREW"))
    assert (span.name, span.attributes["http.request.method"]) == ("HTTP /stock/{sku}", "_OTHER")


def test_a_request_has_the_attributes_of_the_conventions() -> None:
    assert server_span(request()).attributes == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/stock/{sku}",
        "url.scheme": "http",
    }


def test_a_caller_s_mistake_is_no_error_of_the_server() -> None:
    span = server_span(request(status=409, error_type="out_of_stock"))
    assert (span.error, span.attributes["atoll.problem"]) == ("", "out_of_stock")


@pytest.mark.parametrize(("error_type", "shown"), [("internal", "internal"), ("", "500")])
def test_a_server_s_failure_is_an_error(error_type: str, shown: str) -> None:
    assert server_span(request(status=500, error_type=error_type)).error == shown


def test_a_call_is_named_by_contract_and_operation() -> None:
    span = client_span(call(), TRACE)
    assert (span.name, span.kind, span.error) == ("inventory/reserve", "client", "")


def test_a_call_that_was_tried_again_says_how_often() -> None:
    assert client_span(call(attempts=3), TRACE).attributes["http.request.resend_count"] == 2


def test_a_call_without_an_answer_has_no_status() -> None:
    span = client_span(call(status=0, outcome="unavailable"), TRACE)
    assert "http.response.status_code" not in span.attributes
    assert span.error == "unavailable"


def test_a_message_is_named_by_its_type() -> None:
    span = message_span(message(), TRACE)
    assert (span.name, span.kind) == ("process shop.order.OrderPlaced.v1", "consumer")


@pytest.mark.parametrize(
    ("outcome", "error"), [("handled", ""), ("duplicate", ""), ("retried", "retried"), ("dead", "dead")]
)
def test_only_an_attempt_that_failed_is_an_error(outcome: str, error: str) -> None:
    assert message_span(message(outcome=outcome), TRACE).error == error


@pytest.mark.parametrize(("outcome", "name"), [("done", "checkout/reserve"), ("undone", "checkout/reserve undo")])
def test_a_step_and_its_undo_have_names_of_their_own(outcome: str, name: str) -> None:
    assert step_span(step(outcome=outcome), TRACE).name == name


@pytest.mark.parametrize(
    ("outcome", "error"), [("done", ""), ("undone", ""), ("failed", "failed"), ("unknown", "unknown")]
)
def test_a_step_that_was_not_done_is_an_error(outcome: str, error: str) -> None:
    assert step_span(step(outcome=outcome), TRACE).error == error


@pytest.mark.parametrize(
    ("outcome", "error"), [("completed", ""), ("compensated", "compensated"), ("parked", "parked")]
)
def test_a_saga_that_was_not_completed_is_an_error(outcome: str, error: str) -> None:
    assert saga_span(saga(outcome=outcome), TRACE).error == error
