"""What goes into the store and comes out of it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.contracts import Event
from atoll.core.context import new_context, use
from atoll.core.errors import DeclarationError
from atoll.eventstore import (
    EVERYTHING,
    EventStore,
    EventTypes,
    Position,
    Query,
    UndecodableEvent,
    UnknownEventType,
    UnserializableEvent,
    new_event,
)

POSITIONS = st.builds(Position, st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))


class Placed(Event, event_type="test.Placed.v1"):
    order: str


class Odd(Event, event_type="test.Odd.v1"):
    what: object


@given(POSITIONS)
def test_a_position_is_read_as_it_was_written(position: Position) -> None:
    assert Position.parse(str(position)) == position


@given(POSITIONS, POSITIONS)
def test_positions_are_ordered_by_transaction_and_then_by_number(one: Position, other: Position) -> None:
    assert (one < other) == ((one.transaction, one.number) < (other.transaction, other.number))


@pytest.mark.parametrize("text", ["", "x", "1.x", "1.2.3"])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        Position.parse(text)


def test_a_query_takes_classes_of_events() -> None:
    assert Query.of(types=[Placed]) == Query.of(types=["test.Placed.v1"])


def test_a_query_for_this_or_anything_is_for_everything() -> None:
    assert Query.of(tags=["a"]) | Query.of() == EVERYTHING


async def test_an_event_is_stored_and_read_as_its_class() -> None:
    store, types = EventStore.memory(), EventTypes([Placed])
    await store.append("s", [new_event(Placed(order="1"), tags=["order:1"])])
    (found,) = await store.read("s")
    assert (types.decode(found), found.tags) == (Placed(order="1"), ("order:1",))


async def test_an_event_belongs_to_the_request_in_hand() -> None:
    with use(context := new_context()):
        assert new_event(Placed(order="1")).correlation == context.request_id
        assert new_event(Placed(order="1"), correlation="mine").correlation == "mine"
    assert new_event(Placed(order="1")).correlation == ""


async def test_an_event_of_an_unknown_type_is_told_by_its_place() -> None:
    store = EventStore.memory()
    await store.append("s", [new_event(Placed(order="1"))])
    (found,) = await store.read("s")
    with pytest.raises(UnknownEventType, match=r"version 1 of 's' has the unknown type 'test.Placed.v1'") as caught:
        EventTypes([]).decode(found)
    assert caught.value.type == "test.Placed.v1"


@pytest.mark.parametrize("data", [b"{", b"{}", b'{"order": 1}', b"\xff"])
async def test_data_that_do_not_fit_are_told(data: bytes) -> None:
    store = EventStore.memory()
    await store.append("s", [new_event(Placed(order="1"))])
    (found,) = await store.read("s")
    with pytest.raises(UndecodableEvent, match="version 1 of 's'"):
        EventTypes([Placed]).decode(msgspec.structs.replace(found, data=data))


def test_an_event_without_a_json_form_is_refused() -> None:
    with pytest.raises(UnserializableEvent, match=r"test.Odd.v1"):
        new_event(Odd(what=1j))


def test_two_classes_of_one_type_are_a_mistake() -> None:
    with pytest.raises(DeclarationError, match=r"test.Placed.v1"):
        EventTypes([Placed, Placed])
