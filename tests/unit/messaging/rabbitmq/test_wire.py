from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from atoll.contracts import Message
from atoll.messaging import BrokerUnusable, MessageRefused, UndecodableMessage
from atoll.messaging.rabbitmq.wire import checked_name, decode, encode, routing_key_of, times_delivered
from tests.unit.messaging.fakes import message
from tests.unit.messaging.rabbitmq.deliveries import delivered
from tests.unit.messaging.test_wire import messages


def over_the_wire(properties: Basic.Properties) -> Basic.Properties:
    """Write and read the frame, as both ends do."""
    header = ContentHeader(properties=properties)
    read = ContentHeader()
    read.unmarshal(header.marshal())
    return read.properties


@given(messages)
def test_a_message_is_read_as_it_was_written(sent: Message) -> None:
    properties = encode(sent)
    properties.message_type = None  # a routing key was made of it before
    assert decode(delivered(sent.data, over_the_wire(properties))) == sent


def test_a_message_is_written_to_the_disk() -> None:
    assert encode(message()).delivery_mode == 2


@pytest.mark.parametrize("headers", [None, {}, {"ce-id": "1"}, {**encode(message()).headers, "ce-time": "soon"}])
def test_what_is_no_cloud_event_is_undecodable(headers: dict[str, str] | None) -> None:
    with pytest.raises(UndecodableMessage):
        decode(delivered(properties=Basic.Properties(headers={**headers} if headers else None)))


def test_an_undecodable_message_keeps_its_data_type_and_time() -> None:
    sent = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(UndecodableMessage) as raised:
        decode(delivered(b"\xff", Basic.Properties(timestamp=sent)))
    remains = raised.value.message
    assert (remains.data, remains.type, remains.time) == (b"\xff", "a.B.v1", sent.timestamp())


def test_an_undecodable_message_has_the_same_id_on_every_delivery() -> None:
    ids = set[str]()
    for _ in range(2):
        with pytest.raises(UndecodableMessage) as raised:
            decode(delivered(b"x"))
        ids.add(raised.value.message.id)
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("headers", "again", "count"),
    [
        ({}, False, 0),
        ({}, True, 1),
        ({"x-delivery-count": 3}, True, 3),
        ({"x-delivery-count": 0, "x-acquired-count": 4}, True, 4),
        ({"x-delivery-count": "many"}, True, 1),
    ],
)
def test_deliveries_are_counted_as_each_server_does(headers: dict[str, int | str], again: bool, count: int) -> None:
    properties = Basic.Properties(headers={**headers})
    assert times_delivered(delivered(properties=properties, redelivered=again)) == count


@pytest.mark.parametrize("kind", ["", "a..b", ".a", "a.", "a b", "a.*", "a.#", "a\r\nb", "x" * 256])
def test_a_type_that_is_no_routing_key_is_refused(kind: str) -> None:
    with pytest.raises(MessageRefused, match="routing key"):
        routing_key_of(kind)


@pytest.mark.parametrize("name", ["", "a.b", "a b", "a*", "a/b", "a#", "x" * 101])
def test_a_namespace_that_is_no_part_of_a_name_is_refused(name: str) -> None:
    with pytest.raises(BrokerUnusable, match="namespace"):
        checked_name(name, "namespace")
