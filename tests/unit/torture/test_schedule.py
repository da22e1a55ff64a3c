"""A schedule is a pure function of its seed."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.torture import KINDS, Fault, Ground, Kind, WrongTorture, schedule

ALONE = Ground(processes=("order", "payment", "envoy"), links=("broker",), messages=("messages",), broker="broker")
GROUND = Ground(
    processes=("order-1", "order-2", "envoy"),
    replicas=("order-1", "order-2"),
    links=("broker",),
    messages=("messages",),
    broker="broker",
)

seeds = st.integers(0, 2**32)
counts = st.integers(1, 250)
limits = st.floats(1.0, 1000.0)
kinds = st.lists(st.sampled_from(KINDS), min_size=1, unique=True)


def planned(seed: int, faults: int, seconds: float, chosen: list[Kind], ground: Ground = GROUND) -> tuple[Fault, ...]:
    return schedule(seed, ground, faults=faults, seconds=seconds, kinds=chosen)


@given(seeds, counts, limits, kinds)
def test_the_same_seed_gives_the_same_schedule(seed: int, faults: int, seconds: float, chosen: list[Kind]) -> None:
    assert planned(seed, faults, seconds, chosen) == planned(seed, faults, seconds, chosen)


@given(seeds, counts, limits, kinds)
def test_it_has_as_many_faults_as_were_asked_for_in_the_order_of_time(
    seed: int, faults: int, seconds: float, chosen: list[Kind]
) -> None:
    times = [each.at for each in planned(seed, faults, seconds, chosen)]
    assert len(times) == faults
    assert times == sorted(times)
    assert all(0.0 <= at <= seconds for at in times)


@given(seeds, counts, limits, kinds)
def test_every_fault_is_of_a_kind_that_was_asked_for_and_hits_what_that_kind_can(
    seed: int, faults: int, seconds: float, chosen: list[Kind]
) -> None:
    plan = planned(seed, faults, seconds, chosen)
    assert all(each.kind in chosen and each.target in GROUND.targets[each.kind] for each in plan)


@given(seeds, st.integers(len(KINDS), 250), kinds)
def test_every_kind_comes_where_there_is_room_for_all(seed: int, faults: int, chosen: list[Kind]) -> None:
    assert {each.kind for each in planned(seed, faults, 60.0, chosen)} == set(chosen)


@given(seeds, st.integers(3, 100))
def test_stops_last_shorter_and_longer_than_a_lease(seed: int, faults: int) -> None:
    lasts = [each.seconds for each in planned(seed, faults, 60.0, ["stop"])]
    assert min(lasts) < GROUND.lease < max(lasts)


@given(seeds, st.integers(1, 100))
def test_a_replica_that_is_kept_down_stays_away_for_longer_than_a_lease(seed: int, faults: int) -> None:
    plan = planned(seed, faults, 60.0, ["down"])
    assert {each.target for each in plan} <= set(GROUND.replicas)
    assert all(each.seconds > GROUND.lease for each in plan)


@given(seeds)
def test_kinds_come_in_the_proportion_of_their_weights(seed: int) -> None:
    counted = Counter(each.kind for each in planned(seed, 200, 150.0, list(KINDS)))
    rare = {"down": 10, "broker": 10, "silence": 10, "delay": 10}
    assert counted == {"kill": 80, "stop": 40, "cut": 20, "duplicate": 20} | rare


@given(seeds)
def test_without_replicas_none_is_kept_down(seed: int) -> None:
    counted = Counter(each.kind for each in planned(seed, 190, 150.0, list(KINDS), ALONE))
    expected = {"kill": 80, "stop": 40, "broker": 10, "cut": 20, "silence": 10, "delay": 10, "duplicate": 20}
    assert counted == expected


def test_two_seeds_give_two_schedules() -> None:
    assert planned(1, 20, 15.0, list(KINDS)) != planned(2, 20, 15.0, list(KINDS))


def test_a_seed_means_the_same_in_every_process_and_version() -> None:
    first, *_ = planned(7, 20, 15.0, list(KINDS), ALONE)
    assert (first.kind, first.target, round(first.at, 3)) == ("kill", "envoy", 0.518)


def test_a_kind_without_a_target_is_left_out() -> None:
    ground = Ground(processes=("order",))
    assert {each.kind for each in planned(1, 20, 15.0, list(KINDS), ground)} == {"kill", "stop"}


def test_kinds_that_have_no_target_at_all_are_refused() -> None:
    with pytest.raises(WrongTorture, match="there is nothing here for faults of kind broker, cut"):
        planned(1, 20, 15.0, ["broker", "cut"], Ground(processes=("order",)))
