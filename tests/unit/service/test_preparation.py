"""What is wrong with many databases is told once, and what is wrong at all is told together."""

from __future__ import annotations

import asyncio

import pytest

from atoll.core.errors import SettingsError
from atoll.messaging import BrokerUnavailable, BrokerUnusable
from atoll.service.opening import CannotStart, open_together
from atoll.service.preparation import told_once
from atoll.storage import DatabaseUnusable
from tests.unit.service.test_patience import InstantClock, Work

URL = "postgresql://shop@db/shop_{service}"


class SharedClock(InstantClock):
    """Lets the others go on while one waits."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await asyncio.sleep(0)


def lossy(service: str) -> DatabaseUnusable:
    return DatabaseUnusable(f"postgresql://db/shop_{service}: fsync is off\npostgresql://db/shop_{service}: too old")


def test_what_all_databases_have_is_told_once_for_all() -> None:
    errors = {name: lossy(name) for name in ("order", "user")}
    assert told_once(errors, URL, services=2) == [
        "postgresql://db/shop_{service}: fsync is off",
        "postgresql://db/shop_{service}: too old",
    ]


def test_what_some_have_names_them() -> None:
    errors = {"order": lossy("order"), "user": lossy("user"), "mail": DatabaseUnusable("broken")}
    assert told_once(errors, URL, services=4) == [
        "order, user: postgresql://db/shop_{service}: fsync is off",
        "order, user: postgresql://db/shop_{service}: too old",
        "mail: broken",
    ]


async def test_what_is_opened_together_is_returned_in_order() -> None:
    assert await open_together([Work(BrokerUnavailable("away")), Work()], clock=InstantClock()) == ["done", "done"]


async def test_one_problem_is_raised_as_it_is() -> None:
    with pytest.raises(BrokerUnusable, match="^lossy$"):
        await open_together([Work(BrokerUnusable("lossy")), Work()], clock=InstantClock())


async def test_several_problems_are_told_in_one_error_without_waiting_for_what_may_pass() -> None:
    clock = SharedClock()
    away = [BrokerUnavailable("away")] * 10_000
    with pytest.raises(CannotStart) as caught:
        await open_together([Work(*away), Work(SettingsError(["no URL"]))], clock=clock)
    assert str(caught.value) == "2 things are wrong:\n- away\n- no URL"
    assert not caught.value.retryable
    assert clock.time < 2.0


async def test_problems_that_may_all_pass_may_pass_together() -> None:
    away = [BrokerUnavailable("away")] * 10_000
    with pytest.raises(CannotStart) as caught:
        await open_together([Work(*away), Work(*away)], clock=InstantClock())
    assert caught.value.retryable
