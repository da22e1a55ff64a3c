from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.core import Context, DeadlineExceeded, Principal, Trace
from atoll.core.context import current, extract, inject, new_context, set_current, use

tokens = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.", min_size=1)
printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=128)
contexts = st.builds(
    lambda request_id, sampled, key, baggage: Context(
        request_id=request_id,
        trace=new_context(sampled=sampled).trace,
        idempotency_key=key,
        baggage=baggage,
    ),
    request_id=printable,
    sampled=st.booleans(),
    key=st.none() | tokens,
    baggage=st.dictionaries(tokens, st.text(max_size=20), max_size=4),
)
VALID = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@given(contexts)
def test_what_is_injected_is_extracted(context: Context) -> None:
    read = extract(inject(context))
    assert (read.request_id, read.idempotency_key, read.baggage) == (
        context.request_id,
        context.idempotency_key,
        context.baggage,
    )


@given(contexts)
def test_the_callee_is_a_child_span_of_the_caller(context: Context) -> None:
    read = extract(inject(context)).trace
    assert (read.trace_id, read.parent_id, read.sampled) == (
        context.trace.trace_id,
        context.trace.span_id,
        context.trace.sampled,
    )
    assert read.span_id != context.trace.span_id


@given(contexts)
def test_headers_hold_nothing_that_could_end_a_line(context: Context) -> None:
    assert not any(mark in value for value in inject(context).values() for mark in "\r\n\0")


@given(st.dictionaries(st.sampled_from(["traceparent", "baggage", "x-request-id"]), st.text()))
def test_headers_of_any_kind_can_be_extracted(headers: dict[str, str]) -> None:
    read = extract(headers)
    assert len(read.trace.trace_id) == 32
    assert read.request_id


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00-0af7651916cd43dd8448eb211c80319c",
        VALID.upper(),
        VALID.replace("0af7", "0xf7"),
        VALID.replace("b7ad", "+7ad"),
        VALID.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32),
        VALID.replace("b7ad6b7169203331", "0" * 16),
        "ff" + VALID[2:],
    ],
)
def test_a_malformed_traceparent_begins_a_new_trace(header: str) -> None:
    assert extract({"traceparent": header}, sampled=True).trace.parent_id == ""


@pytest.mark.parametrize("header", [VALID, "01" + VALID[2:] + "-what-comes-later"])
def test_a_traceparent_of_this_or_a_later_version_is_continued(header: str) -> None:
    assert extract({"traceparent": header}).trace.parent_id == "b7ad6b7169203331"


def test_the_sampling_decision_is_that_of_the_caller() -> None:
    assert extract({"traceparent": VALID[:-2] + "00"}, sampled=True).trace.sampled is False


def test_a_new_trace_is_sampled_as_the_argument_says() -> None:
    assert extract({}, sampled=True).trace.sampled is True


def test_a_child_keeps_the_trace_and_names_its_parent() -> None:
    parent = Trace(trace_id="a" * 32, span_id="b" * 16, sampled=True)
    child = parent.child()
    assert (child.trace_id, child.parent_id, child.sampled) == (parent.trace_id, parent.span_id, True)


def test_a_callee_has_less_time_than_its_caller() -> None:
    context = new_context(timeout=10)
    read = extract(inject(context, margin=1))
    assert read.deadline == pytest.approx(time.monotonic() + 9, abs=0.5)


def test_a_call_for_which_no_time_is_left_is_not_begun() -> None:
    with pytest.raises(DeadlineExceeded):
        inject(new_context(timeout=0.01))


@pytest.mark.parametrize("header", ["-1", "1.5", "soon", "", "9" * 13])
def test_a_malformed_deadline_is_none(header: str) -> None:
    assert extract({"x-envoy-expected-rq-timeout-ms": header}).deadline is None


def test_a_passed_deadline_is_told() -> None:
    with pytest.raises(DeadlineExceeded):
        extract({"x-envoy-expected-rq-timeout-ms": "0"}).check_deadline()


def test_what_remains_is_never_negative() -> None:
    assert new_context(timeout=-5).remaining() == 0.0


def test_without_a_deadline_nothing_is_checked_or_sent() -> None:
    context = new_context()
    context.check_deadline()
    assert context.remaining() is None
    assert "x-envoy-expected-rq-timeout-ms" not in inject(context)


def test_the_users_token_travels() -> None:
    context = Context(request_id="r", trace=new_context().trace, principal=Principal(subject="ann", token="t.o.k"))
    assert inject(context)["authorization"] == "Bearer t.o.k"


def test_the_user_is_not_taken_from_a_header() -> None:
    assert extract({"authorization": "Bearer t.o.k"}).principal is None


@pytest.mark.parametrize("request_id", ["a\nb", "ä", "x" * 129])
def test_a_request_id_that_would_spoil_a_log_line_is_replaced(request_id: str) -> None:
    assert extract({"x-request-id": request_id}).request_id != request_id


def test_an_empty_key_is_not_taken_for_none() -> None:
    assert extract({"idempotency-key": ""}).idempotency_key == ""


def test_baggage_without_a_proper_key_or_of_huge_size_is_dropped() -> None:
    assert extract({"baggage": "a b=1, =2, c, d = 4;ttl=1"}).baggage == {"d": "4"}
    assert extract({"baggage": "a=" + "1" * 9000}).baggage == {}


def test_a_context_is_current_within_its_block_only() -> None:
    with use(new_context()) as outer, use(new_context()) as inner:
        assert current() is inner is not outer
    assert current() is not outer


async def test_a_context_set_in_a_task_stays_in_that_task() -> None:
    async def task() -> Context:
        set_current(new_context())
        return current()

    one, other = await asyncio.gather(task(), task())
    assert len({one.request_id, other.request_id, current().request_id}) == 3
