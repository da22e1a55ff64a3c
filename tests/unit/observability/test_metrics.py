"""What each record adds to which metric, and that labels stay few."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from atoll.core import Hooks
from atoll.messaging.records import BrokerForgot, MessagePublished, OutboxLag
from atoll.observability import Metrics, RequestStarted
from atoll.observability.records import UNMATCHED
from atoll.storage.records import TransactionFinished
from tests.unit.observability.records import call, message, request, saga, step


class Counted:
    """Hooks with metrics behind them."""

    def __init__(self) -> None:
        self.hooks, self.registry = Hooks(), CollectorRegistry()
        self.metrics = Metrics(self.registry, "inventory")
        self.metrics.subscribe(self.hooks)

    def after(self, *records: object) -> Counted:
        for record in records:
            self.hooks.emit(record)
        return self

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


ENDPOINT = {"method": "GET", "endpoint": "/stock/{sku}"}


def test_requests_are_counted_by_method_endpoint_and_status() -> None:
    counted = Counted().after(request(), request(), request(status=404, error_type="not_found"))
    assert counted.value("http_requests_total", **ENDPOINT, status="200") == 2


def test_the_duration_of_requests_is_summed() -> None:
    counted = Counted().after(request(seconds=0.5), request(seconds=1.5))
    assert counted.value("http_request_duration_seconds_sum", **ENDPOINT, status="200") == 2.0


def test_durations_fall_into_the_buckets_of_the_semantic_conventions() -> None:
    counted = Counted().after(request(seconds=0.06))
    buckets = {
        le: counted.value("http_request_duration_seconds_bucket", **ENDPOINT, status="200", le=le)
        for le in ("0.05", "0.075", "+Inf")
    }
    assert buckets == {"0.05": 0, "0.075": 1, "+Inf": 1}


def test_errors_are_counted_by_their_type() -> None:
    counted = Counted().after(request(status=409, error_type="out_of_stock"))
    assert counted.value("http_errors_total", **ENDPOINT, error_type="out_of_stock") == 1


def test_an_error_without_a_type_counts_under_its_status() -> None:
    assert Counted().after(request(status=500)).value("http_errors_total", **ENDPOINT, error_type="500") == 1


def test_a_good_answer_is_no_error() -> None:
    assert Counted().after(request()).value("http_errors_total", **ENDPOINT, error_type="") is None


def test_requests_being_served_are_active() -> None:
    started = RequestStarted(service="inventory")
    assert Counted().after(started, started, request()).value("active_connections") == 1


def test_every_unknown_route_is_one_endpoint() -> None:
    counted = Counted().after(*(request(endpoint=UNMATCHED, status=404) for _ in range(3)))
    assert counted.value("http_requests_total", method="GET", endpoint=UNMATCHED, status="404") == 3


@given(st.lists(st.text(max_size=8), max_size=20))
def test_callers_cannot_make_labels_by_inventing_methods(methods: list[str]) -> None:
    counted = Counted().after(*(request(method=each) for each in methods))
    _, body = counted.metrics.render()
    series = [line for line in body.decode().split("\n") if line.startswith("http_requests_total{")]
    assert len(series) <= 11


def test_calls_are_timed_by_outcome() -> None:
    counted = Counted().after(call(outcome="unavailable", seconds=2.0))
    labels = {"contract": "inventory", "operation": "reserve", "outcome": "unavailable"}
    assert counted.value("atoll_client_call_duration_seconds_sum", **labels) == 2.0


def test_the_tries_of_calls_are_counted() -> None:
    counted = Counted().after(call(attempts=3), call(attempts=1))
    labels = {"contract": "inventory", "operation": "reserve"}
    assert counted.value("atoll_client_call_attempts_total", **labels) == 4


def test_published_messages_are_timed() -> None:
    counted = Counted().after(MessagePublished(type="x", seconds=0.25))
    assert counted.value("atoll_message_publish_duration_seconds_sum", type="x") == 0.25


def test_losses_of_the_broker_are_counted_with_what_is_published_again() -> None:
    counted = Counted().after(BrokerForgot(messages=7), BrokerForgot(messages=0))
    assert counted.value("atoll_broker_losses_total") == 2
    assert counted.value("atoll_messages_refilled_total") == 7


def test_dead_letters_can_be_told_from_handled_messages() -> None:
    counted = Counted().after(message(), message(outcome="dead"))
    labels = {"type": "shop.order.OrderPlaced.v1", "consumer": "audit", "outcome": "dead"}
    assert counted.value("atoll_message_handling_duration_seconds_count", **labels) == 1


@pytest.mark.parametrize("outcome", ["committed", "rolled_back"])
def test_units_of_work_are_timed_by_outcome(outcome: str) -> None:
    counted = Counted().after(TransactionFinished(outcome=outcome, seconds=0.5))  # type: ignore[arg-type]
    assert counted.value("atoll_transaction_duration_seconds_sum", outcome=outcome) == 0.5


def test_sagas_are_timed_by_outcome() -> None:
    counted = Counted().after(saga(outcome="parked"))
    assert counted.value("atoll_saga_duration_seconds_count", saga="checkout", outcome="parked") == 1


def test_steps_are_timed_by_outcome() -> None:
    labels = {"saga": "checkout", "step": "reserve", "outcome": "undone"}
    assert Counted().after(step(outcome="undone")).value("atoll_saga_step_duration_seconds_count", **labels) == 1


def test_the_tries_of_steps_are_counted() -> None:
    counted = Counted().after(step(attempts=5))
    assert counted.value("atoll_saga_step_attempts_total", saga="checkout", step="reserve") == 5


def test_two_services_in_one_process_do_not_mix() -> None:
    first, second = Counted(), Counted()
    first.after(request())
    assert second.value("http_requests_total", **ENDPOINT, status="200") is None


def test_the_page_names_the_service() -> None:
    content_type, body = Counted().metrics.render()
    assert content_type.startswith("text/plain")
    assert b'target_info{service_name="inventory"} 1' in body


def test_the_page_is_openmetrics_for_who_asks() -> None:
    content_type, body = Counted().metrics.render("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_what_waits_in_the_outbox_is_what_was_told_last() -> None:
    counted = Counted().after(OutboxLag(messages=7, seconds=1.5), OutboxLag(messages=3, seconds=0.5))
    assert counted.value("atoll_outbox_lag_messages") == 3
    assert counted.value("atoll_outbox_lag_seconds") == 0.5
