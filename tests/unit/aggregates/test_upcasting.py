"""Old events are read as they are declared now."""

from __future__ import annotations

from typing import Any

import pytest

from atoll.aggregates import Repository, Upcaster
from atoll.aggregates.upcasting import Upcasters
from atoll.contracts import Event
from atoll.core.errors import DeclarationError
from atoll.eventstore import EventStore, new_event
from tests.unit.aggregates.account import Deposited, Diary

NOW = Deposited.event_type


class Paid(Event, event_type="old.Paid"):
    cents: str


class Gone(Event, event_type="old.Gone"):
    pass


def raised(*upcasters: Upcaster) -> Any:
    return Upcasters(upcasters, {NOW}).raised("a", {"x": 1})


def test_a_type_that_was_renamed_keeps_its_data() -> None:
    assert raised(Upcaster("a", NOW)) == (NOW, {"x": 1})


def test_upcasters_follow_each_other() -> None:
    assert raised(Upcaster("a", "b", lambda d: {**d, "y": 2}), Upcaster("b", Deposited, lambda d: {"n": d["y"]})) == (
        NOW,
        {"n": 2},
    )


def test_what_nobody_wants_is_passed_over() -> None:
    assert raised(Upcaster("a", "b"), Upcaster("b", None)) is None


@pytest.mark.parametrize(
    ("upcasters", "why"),
    [
        ([Upcaster("a", "b"), Upcaster("b", "a")], "round in a circle: a -> b -> a"),
        ([Upcaster("a", "b")], "ends at 'b'"),
        ([Upcaster("a", NOW), Upcaster("a", None)], "in two ways"),
        ([Upcaster(NOW, None)], "in two ways"),
    ],
)
def test_upcasters_that_lead_nowhere_are_refused(upcasters: list[Upcaster], why: str) -> None:
    with pytest.raises(DeclarationError, match=why):
        Upcasters(upcasters, {NOW})


async def test_an_aggregate_reads_what_older_code_wrote() -> None:
    store = EventStore.memory()
    await store.append("diary-1", [new_event(Paid(cents="12")), new_event(Gone())])
    upcasters = [Upcaster("old.Paid", Deposited, lambda d: {"amount": int(d["cents"])}), Upcaster("old.Gone", None)]
    loaded = await Repository.of(store, Diary, [Deposited], upcasters=upcasters).load("1")
    assert (loaded.aggregate.total, loaded.version) == (12, 2)
