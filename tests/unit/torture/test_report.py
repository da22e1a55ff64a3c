"""From what was seen to figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from atoll.torture import Fault
from atoll.torture.injury import Injury
from atoll.torture.report import (
    Answers,
    Span,
    Verdict,
    fault_views,
    percentile,
    recovery_of,
    requests_of,
    resumption_of,
    timeline_of,
)
from tests.unit.torture.examples import ATTEMPTS, BAD, FAULTS, GOOD, ZERO, attempt, killed

values = st.lists(st.floats(0, 100), min_size=1).map(sorted)


@given(values, st.integers(1, 100))
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(found: list[float], percent: int) -> None:
    value = percentile(found, percent)
    assert sum(each <= value for each in found) * 100 >= len(found) * percent
    assert sum(each < value for each in found) * 100 < len(found) * percent


def test_nothing_has_no_percentile() -> None:
    assert percentile([], 50) == 0.0


def test_requests_are_counted_by_outcome() -> None:
    found = requests_of([*ATTEMPTS, attempt(2.0, 2.2, 0), attempt(2.0, 2.2, 202)])
    assert (found.sent, found.ok, found.refused, found.failed, found.retried) == (6, 2, 1, 3, 1)


def test_the_timeline_has_a_place_for_every_second() -> None:
    found = timeline_of([attempt(0.1, 0.2), attempt(0.1, 3.9, 503)], ZERO)
    assert [(each.at, each.ok, each.failed) for each in found] == [(0, 1, 0), (1, 0, 0), (2, 0, 0), (3, 0, 1)]


def test_an_answer_to_a_request_that_was_sent_before_the_fault_shows_nothing() -> None:
    answers = Answers([attempt(0.0, 5.0), attempt(2.0, 4.0), attempt(3.0, 3.5)], lambda _: "")
    assert answers.after(ZERO + 1.0, "order") == ZERO + 3.5


def test_a_service_counts_as_answering_when_its_own_requests_are_answered() -> None:
    attempts = [attempt(1.0, 1.1, path="/b"), attempt(2.0, 2.5, path="/a")]
    answers = Answers(attempts, lambda each: each.path)
    assert answers.after(ZERO, "/a") == ZERO + 2.5
    assert answers.after(ZERO, "/c") == ZERO + 1.1


def test_a_fault_that_nothing_was_answered_after_has_no_time() -> None:
    (view,) = fault_views([killed("order", 9.0)], Answers(ATTEMPTS, lambda _: ""), ZERO)
    assert (view.ready, view.answered) == (None, None)


def test_recovery_counts_from_when_the_fault_was_lifted() -> None:
    cut, kill, _ = FAULTS
    assert (cut.lifted, cut.answered) == (1.5, pytest.approx(1.0))
    assert (kill.ready, kill.answered) == (0.5, pytest.approx(1.5))


def test_recovery_is_told_for_each_kind_that_can_heal() -> None:
    kill, cut = recovery_of(FAULTS)
    assert (kill.kind, kill.faults, kill.ready and kill.ready.p50) == ("kill", 1, 0.5)
    assert (cut.kind, cut.ready, cut.answered.count) == ("cut", None, 1)


def test_a_fault_that_could_not_be_done_counts_for_no_recovery() -> None:
    views = fault_views([killed("order", 1.0, failure="it has no process")], Answers([], lambda _: ""), ZERO)
    assert recovery_of(views) == []


def test_sagas_of_replicas_kept_down_are_counted_with_those_that_nobody_took_over() -> None:
    down = Injury(Fault(at=1.0, kind="down", target="order-1"), "order", ZERO + 1.0, ZERO + 13.0, ZERO + 14.0)
    down.orphans, down.resumed = 4, [9.0, 11.0, 12.5]
    span = resumption_of(fault_views([down], Answers([], lambda _: ""), ZERO))
    assert span == Span(count=3, missing=1, p50=11.0, p99=12.5)


def test_without_replicas_kept_down_there_is_no_resumption() -> None:
    assert resumption_of(FAULTS) is None


def test_a_run_in_which_everything_holds_is_good() -> None:
    assert GOOD.good


@pytest.mark.parametrize(
    "change",
    [
        {"lost": ["a"]},
        {"doubled": ["a"]},
        {"stuck": ["a"]},
        {"left_running": ["nats"]},
        {"invariants": [Verdict(name="books", violations=["wrong"])]},
        {"invariants": []},
        {"acknowledged": 0},
        {"faults": []},
    ],
    ids=str,
)
def test_a_run_is_not_good_when(change: dict[str, object]) -> None:
    assert not replace(GOOD, **change).good


def test_a_bad_run_is_bad() -> None:
    assert not BAD.good
