"""What is to be done with the generations of a view, and which side effects are still to be had."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.eventstore import Position
from atoll.projections.lifecycle import Step, next_step
from atoll.projections.rows import Generation, Part, is_open, partition_of


def generation(number: int, state: Any, version: int = 1, **changes: Any) -> Generation:
    usual: dict[str, Any] = {"closing": False, "gate": [], "views": [], "since": 0.0, "partitions": 1}
    return Generation(name="p", generation=number, version=version, state=state, **(usual | changes))


def part(number: int = 5, *, near: bool = False) -> Part:
    return Part(
        name="p",
        generation=2,
        part=0,
        closed=False,
        owner="",
        epoch=1,
        lease_until=0.0,
        failed_id="",
        failed_at="",
        error="",
        attempts=0,
        retry_at=0.0,
        discarded="",
        position=Position(0, number),
        near=near,
    )


LIVE = generation(1, "live")
BUILDING = generation(2, "building", 2)
CLOSING = generation(2, "building", 2, closing=True, gate=[[Position(0, 5), Position(0, 7)]])


@pytest.mark.parametrize(
    ("version", "generations", "parts", "step"),
    [
        (1, [], [], "create"),
        (1, [LIVE], [], None),
        (2, [LIVE], [], "build"),
        (1, [generation(1, "live", 2)], [], None),
        (2, [LIVE, BUILDING], [part()], None),
        (2, [LIVE, BUILDING], [part(near=True), part()], None),
        (2, [LIVE, BUILDING], [part(near=True), part(near=True)], "close"),
        (1, [LIVE, BUILDING], [part(near=True)], None),
        (3, [LIVE, BUILDING], [part()], "abandon"),
        (2, [LIVE, CLOSING], [part(6)], None),
        (2, [LIVE, CLOSING], [part(7)], "switch"),
        (3, [LIVE, CLOSING], [part(6)], "switch"),
        (2, [generation(1, "retired"), generation(2, "live", 2)], [], "drop"),
    ],
)
def test_the_next_step_follows_from_what_is_there(
    version: int, generations: list[Generation], parts: list[Part], step: Step | None
) -> None:
    assert next_step(version, generations, parts) == step


def test_an_event_has_its_side_effects_only_behind_the_gate_of_its_key() -> None:
    keys = {partition_of(key, 2): key for key in "abcdef"}
    gate = [[Position(0, 5), Position(0, 7)]]
    assert not is_open(gate, keys[0], Position(0, 5))
    assert is_open(gate, keys[0], Position(0, 6))
    assert not is_open(gate, keys[1], Position(0, 6))
    assert not is_open([*gate, [Position(0, 9)]], keys[0], Position(0, 9))


@given(st.text(), st.integers(1, 256))
def test_every_key_has_a_partition(key: str, partitions: int) -> None:
    assert 0 <= partition_of(key, partitions) < partitions
