"""A supervised process goes from start to end by what is heard of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from atoll.system.member import ATTEMPTS, Member, Plan
from atoll.system.restart import RestartPolicy
from atoll.system.wire import Module, Services


@pytest.fixture
def member() -> Member:
    plan = Plan(name="order", kind="service", job=Services(names=("order",)), environ={}, log=Path("order.log"))
    fresh = Member(plan, RestartPolicy(base=1.0))
    fresh.order()
    fresh.begin(7, 100.0)
    return fresh


def tried(member: Member, code: int) -> float | None:
    """Start it once more and let it end."""
    member.order()
    member.begin(7, 100.0)
    return member.end(code, 100.0)


def test_it_is_ready_when_it_says_so(member: Member) -> None:
    member.succeed({"order": "127.0.0.1:80"})
    (state,) = member.states()
    assert (state.condition, state.pid, state.address) == ("ready", 7, "127.0.0.1:80")


def test_one_that_was_ready_is_started_again_however_often(member: Member) -> None:
    member.succeed({})
    assert [tried(member, 1) for _ in range(2 * ATTEMPTS)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert member.condition == "waiting"


def test_one_that_was_never_ready_fails_in_the_end(member: Member) -> None:
    assert [tried(member, 3) for _ in range(ATTEMPTS)] == [1.0, 2.0, None]
    assert member.sentence == "order cannot start: it ended with exit code 3; see order.log"


def test_one_that_says_it_cannot_start_is_not_tried_again(member: Member) -> None:
    member.fail("ATOLL_PORT is 'x', but must be a number", final=True)
    assert member.end(78, 100.0) is None
    assert member.sentence == "order cannot start: ATOLL_PORT is 'x', but must be a number"


def test_one_that_was_ready_is_tried_again_whatever_it_says(member: Member) -> None:
    member.succeed({})
    member.fail("the database is damaged", final=True)
    assert member.end(78, 100.0) == 1.0


def test_a_new_start_forgets_the_old_failure(member: Member) -> None:
    member.fail("no", final=True)
    member.order()
    assert not member.final
    assert not member.failure


def test_one_that_is_stopped_stays_so(member: Member) -> None:
    member.stop()
    assert member.condition == "stopping"
    assert member.end(0, 100.0) is None
    assert member.condition == "stopped"


def test_one_that_waits_for_its_next_start_stops_at_once(member: Member) -> None:
    member.succeed({})
    member.end(1, 100.0)
    member.stop()
    assert member.condition == "stopped"


def test_one_that_is_stopped_before_it_exists_is_still_awaited(member: Member) -> None:
    member.end(1, 100.0)
    member.order()
    member.stop()
    member.begin(8, 101.0)
    assert (member.condition, member.live) == ("stopping", True)


def test_a_signal_is_told_by_number(member: Member) -> None:
    member.end(-9, 100.0)
    assert member.failure == "it ended with signal 9; see order.log"


def test_several_services_in_one_process_are_shown_one_by_one() -> None:
    job = Services(names=("order", "user"))
    member = Member(Plan(name="services", kind="service", job=job, environ={}, log=Path("x")), RestartPolicy())
    member.order()
    member.begin(7, 1.0)
    member.succeed({"order": "a:1", "user": "a:2"})
    assert [(each.name, each.pid, each.address) for each in member.states()] == [
        ("order", 7, "a:1"),
        ("user", 7, "a:2"),
    ]


def test_a_replica_is_called_by_its_service_and_its_number() -> None:
    job = Services(names=("order",))
    plan = Plan(name="order", kind="service", job=job, environ={}, log=Path("order-2.log"), instance=2)
    member = Member(plan, RestartPolicy())
    member.fail("no", final=True)
    (state,) = member.states()
    assert (state.name, state.label, state.registered_as) == ("order", "order-2", "order-2")
    assert member.sentence == "order-2 cannot start: no"


def test_a_program_is_shown_under_its_own_name() -> None:
    plan = Plan(name="mail", kind="program", job=Module(module="shop.mail"), environ={}, log=Path("x"), port=25)
    assert [each.name for each in Member(plan, RestartPolicy()).states()] == ["mail"]


def test_an_address_is_shown_only_while_it_runs(member: Member) -> None:
    member.succeed({"order": "127.0.0.1:80"})
    member.end(1, 100.0)
    assert member.states()[0].address == ""
