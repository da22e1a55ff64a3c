from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from atoll.contracts import Message
from shop.services.audit.domain import Head, Record, link, walk

MESSAGES = st.lists(
    st.builds(
        Message,
        id=st.uuids().map(str),
        type=st.sampled_from(["shop.order.OrderPlaced.v1", "shop.user.UserCreated.v1"]),
        source=st.just("order"),
        time=st.floats(0, 2e9),
        key=st.text(max_size=8),
        data=st.binary(max_size=40),
    ),
    min_size=1,
    max_size=8,
)


def chain(messages: list[Message]) -> list[Record]:
    records: list[Record] = []
    head = Head()
    for message in messages:
        records.append(link(head, message))
        head = Head(records[-1].seq, records[-1].hash)
    return records


@given(MESSAGES)
def test_a_chain_that_nobody_touched_verifies_to_its_end(messages: list[Message]) -> None:
    records = chain(messages)
    assert walk(Head(), records) == (Head(len(records), records[-1].hash), None)


@given(MESSAGES, st.data())
def test_a_changed_entry_breaks_the_chain_there(messages: list[Message], data: st.DataObject) -> None:
    records = chain(messages)
    place = data.draw(st.integers(0, len(records) - 1))
    records[place] = msgspec.structs.replace(records[place], data=records[place].data + b"!")
    assert walk(Head(), records)[1] == place + 1


@given(MESSAGES, st.data())
def test_a_removed_entry_breaks_the_chain_unless_it_was_the_last(messages: list[Message], data: st.DataObject) -> None:
    records = chain(messages)
    place = data.draw(st.integers(0, len(records) - 1))
    broken_at = walk(Head(), records[:place] + records[place + 1 :])[1]
    assert broken_at == (None if place == len(records) - 1 else place + 2)


@given(MESSAGES)
def test_a_chain_is_walked_in_parts_as_in_one(messages: list[Message]) -> None:
    records = chain(messages)
    half = len(records) // 2
    head, _ = walk(Head(), records[:half])
    assert walk(head, records[half:]) == walk(Head(), records)
