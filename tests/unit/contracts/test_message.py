from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.contracts import Message, message_of
from atoll.core.context import extract, new_context
from tests.unit.contracts.library import BookBorrowed, LibraryClosed

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
messages = st.builds(
    Message,
    id=words,
    type=words,
    source=words,
    time=st.integers(0, 4_000_000_000_000).map(lambda ms: ms / 1000),
    key=words | st.just(""),
    data=st.binary(max_size=30),
    traceparent=words | st.just(""),
    request_id=words | st.just(""),
    causation=words | st.just(""),
)
HEADERS = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-type": "tests.library.LibraryClosed.v2",
    "ce-source": "library",
    "ce-time": "2026-11-22T10:00:00Z",
}


@given(messages)
def test_a_message_survives_its_headers(message: Message) -> None:
    again = Message.from_headers(message.headers(), message.data)
    assert msgspec.structs.replace(again, time=message.time) == message
    assert again.time == pytest.approx(message.time, abs=1e-6)


@given(messages)
def test_headers_are_printable_ascii_without_spaces(message: Message) -> None:
    text = "".join(message.headers().values())
    assert all("!" <= mark <= "~" for mark in text)


def test_headers_that_say_nothing_are_left_out() -> None:
    message = Message(id="1", type="t", source="s", time=0.0)
    assert set(message.headers()) == {
        "ce-specversion",
        "ce-id",
        "ce-type",
        "ce-source",
        "ce-time",
        "content-type",
    }


def test_a_foreign_cloud_event_can_be_read() -> None:
    message = Message.from_headers(HEADERS, b'{"reason": "night"}')
    assert (message.time, message.decode(LibraryClosed)) == (1795341600.0, LibraryClosed(reason="night"))


@pytest.mark.parametrize("name", ["ce-id", "ce-type", "ce-source", "ce-time"])
def test_a_missing_header_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"the message has no {name} header, so it is not a CloudEvent"):
        Message.from_headers(HEADERS | {name: ""}, b"{}")


def test_a_malformed_time_is_told() -> None:
    with pytest.raises(ValueError, match="ce-time header 'noon' is not a time of RFC 3339"):
        Message.from_headers(HEADERS | {"ce-time": "noon"}, b"{}")


def test_data_that_does_not_fit_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        Message(id="1", type="t", source="s", time=0.0, data=b'{"reason": 1}').decode(LibraryClosed)


def test_an_event_is_wrapped_with_its_type_its_key_and_its_data() -> None:
    event = BookBorrowed(isbn="978", loan_id="7")
    message = message_of(event, source="library", context=new_context(), time=1.0, causation="saga:1")
    assert (message.type, message.key, message.causation) == (event.event_type, "978", "saga:1")
    assert message.decode(BookBorrowed) == event


def test_a_message_carries_on_the_trace_and_the_request() -> None:
    context = new_context(sampled=True)
    message = message_of(LibraryClosed(reason="night"), source="library", context=context, time=1.0)
    read = extract({"traceparent": message.traceparent, "x-request-id": message.request_id})
    assert (read.trace.parent_id, read.trace.sampled, read.request_id) == (
        context.trace.span_id,
        True,
        context.request_id,
    )


def test_every_message_has_an_id_of_its_own() -> None:
    event, context = LibraryClosed(reason="night"), new_context()
    ids = {message_of(event, source="library", context=context, time=1.0).id for _ in range(100)}
    assert len(ids) == 100
