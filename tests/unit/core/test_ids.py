from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from atoll.core import derived_id, new_id

parts = st.lists(st.text(), min_size=1, max_size=4)


def test_a_new_id_is_a_uuid_of_version_7() -> None:
    made = UUID(new_id())
    assert (made.version, made.variant) == (7, UUID(int=1 << 63).variant)


def test_new_ids_are_all_different() -> None:
    assert len({new_id() for _ in range(1000)}) == 1000


def test_a_later_id_sorts_after_one_of_an_earlier_millisecond() -> None:
    first = new_id()
    later = next(made for made in iter(new_id, "") if made[:13] != first[:13])
    assert later > first


@given(parts)
def test_a_derived_id_is_a_uuid_of_version_8(each: list[str]) -> None:
    assert UUID(derived_id(*each)).version == 8


@given(parts)
def test_the_same_parts_always_give_the_same_id(each: list[str]) -> None:
    assert derived_id(*each) == derived_id(*each)


@given(parts, parts)
def test_different_parts_give_different_ids(one: list[str], other: list[str]) -> None:
    assert (derived_id(*one) == derived_id(*other)) == (one == other)


def test_where_one_part_ends_and_the_next_begins_counts() -> None:
    assert len({derived_id("ab", "c"), derived_id("a", "bc"), derived_id("abc"), derived_id("2:ab", "c")}) == 4
