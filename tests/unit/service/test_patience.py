"""A service that starts waits for its engines, but not for ever and not for what cannot pass."""

from __future__ import annotations

import pytest

from atoll.core import SystemClock
from atoll.messaging import BrokerUnavailable, BrokerUnusable
from atoll.service.patience import patiently


class InstantClock(SystemClock):
    """Waiting takes no time, but the clock goes on."""

    def __init__(self) -> None:
        self.time = 0.0

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds + 0.01


class Work:
    """Fails with `errors` in turn, then works."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    async def __call__(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "done"


async def test_what_passes_is_waited_for() -> None:
    clock = InstantClock()
    assert await patiently(Work(*[BrokerUnavailable("away")] * 5), clock=clock) == "done"
    assert clock.time > 0


async def test_what_cannot_pass_is_told_at_once() -> None:
    clock = InstantClock()
    with pytest.raises(BrokerUnusable, match="lossy"):
        await patiently(Work(BrokerUnusable("lossy"), BrokerUnavailable("away")), clock=clock)
    assert clock.time == 0


async def test_patience_ends_with_the_last_error() -> None:
    clock = InstantClock()
    with pytest.raises(BrokerUnavailable, match="away"):
        await patiently(Work(*[BrokerUnavailable("away")] * 10_000), clock=clock, seconds=5.0)
    assert clock.time >= 5.0
