from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.aio.msg import Msg

from atoll.contracts import Message
from atoll.messaging import BrokerUnusable, MessageRefused, UndecodableMessage
from atoll.messaging.nats.wire import checked_name, decode, encode, subject_of
from tests.unit.messaging.fakes import message

REPLY = "$JS.ACK.shop.group.1.7.3.1700000000000000000.0"

texts = st.text(st.characters(exclude_categories=["Cs"]))
messages = st.builds(
    Message,
    id=texts.filter(bool),
    type=texts.filter(bool),
    source=texts.filter(bool),
    time=st.integers(0, 4_000_000_000).map(float),
    key=texts,
    data=st.binary(),
    traceparent=texts,
    request_id=texts,
    causation=texts,
)


def delivered(headers: dict[str, str] | None, data: bytes = b"{}") -> Msg:
    return Msg(_client=Client(), subject="shop.a.B.v1", reply=REPLY, data=data, headers=headers)


@given(messages)
def test_a_message_is_read_as_it_was_written(sent: Message) -> None:
    assert decode(delivered(encode(sent), sent.data)) == sent


@given(messages)
def test_header_values_are_printable_without_blanks(sent: Message) -> None:
    assert all(value.isascii() and value.isprintable() and " " not in value for value in encode(sent).values())


def test_the_id_is_what_the_broker_drops_repetitions_by() -> None:
    sent = message()
    assert encode(sent)["Nats-Msg-Id"] == sent.id


def test_header_names_are_read_in_any_case() -> None:
    sent = message()
    headers = {name.title(): value for name, value in encode(sent).items()}
    assert decode(delivered(headers, sent.data)) == sent


@pytest.mark.parametrize("headers", [None, {}, {"ce-id": "1"}, encode(message()) | {"ce-time": "soon"}])
def test_what_is_no_cloud_event_is_undecodable(headers: dict[str, str] | None) -> None:
    with pytest.raises(UndecodableMessage):
        decode(delivered(headers))


def test_an_undecodable_message_keeps_its_data_type_and_time() -> None:
    with pytest.raises(UndecodableMessage) as raised:
        decode(delivered(None, b"\xff"))
    remains = raised.value.message
    assert (remains.data, remains.type, remains.time) == (b"\xff", "a.B.v1", 1700000000.0)


def test_an_undecodable_message_has_the_same_id_on_every_delivery() -> None:
    ids = set[str]()
    for _ in range(2):
        with pytest.raises(UndecodableMessage) as raised:
            decode(delivered(None))
        ids.add(raised.value.message.id)
    assert len(ids) == 1


def test_the_subject_is_the_type_below_the_namespace() -> None:
    assert subject_of("shop", "shop.order.Placed.v1") == "shop.shop.order.Placed.v1"


@pytest.mark.parametrize("kind", ["", "a..b", ".a", "a.", "a b", "a.*", "a.>", "a\r\nb"])
def test_a_type_that_is_no_subject_is_refused(kind: str) -> None:
    with pytest.raises(MessageRefused, match="subject"):
        subject_of("shop", kind)


@pytest.mark.parametrize("name", ["", "a.b", "a b", "a*", "a/b", "a>"])
def test_a_namespace_that_is_no_stream_name_is_refused(name: str) -> None:
    with pytest.raises(BrokerUnusable, match="namespace"):
        checked_name(name, "namespace")
