"""An engine that ends is started again, until it is stopped."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from atoll.system.engine import KeptEngine
from atoll.system.restart import RestartPolicy
from tests.unit.system.fakes import Clock, FakeEngine

Keep = Callable[..., KeptEngine]


@pytest.fixture
def ended() -> list[tuple[str, int]]:
    return []


@pytest.fixture
def keep(ended: list[tuple[str, int]]) -> Keep:
    def make(engine: FakeEngine, clock: Clock | None = None) -> KeptEngine:
        return KeptEngine(
            "broker",
            engine,
            clock=clock or Clock(),
            policy=RestartPolicy(base=0.5),
            changed=lambda: None,
            ended=lambda name, code: ended.append((name, code)),
        )

    return make


async def test_a_started_engine_is_shown_ready(keep: Keep) -> None:
    kept = keep(FakeEngine())
    await kept.start()
    state = kept.state()
    assert (state.condition, state.pid, state.address, state.log) == ("ready", 1001, "127.0.0.1:4000", "engine.log")
    await kept.stop()


async def test_one_that_ends_is_started_again_after_a_while(keep: Keep, ended: list[tuple[str, int]]) -> None:
    engine, clock = FakeEngine(), Clock()
    kept = keep(engine, clock)
    await kept.start()
    engine.end(-9)
    await engine.started.wait()
    assert (clock.slept, ended, kept.state().restarts) == ([0.5], [("broker", -9)], 1)
    await kept.stop()


async def test_one_that_cannot_start_again_is_tried_until_it_can(keep: Keep) -> None:
    engine, clock = FakeEngine(refusals=2), Clock()
    kept = keep(engine, clock)
    await kept.start()
    engine.end(1)
    await engine.started.wait()
    assert clock.slept == [0.5, 1.0, 2.0]
    await kept.stop()


async def test_a_stopped_engine_stays_so(keep: Keep, ended: list[tuple[str, int]]) -> None:
    engine = FakeEngine()
    kept = keep(engine)
    await kept.start()
    await kept.stop()
    assert (kept.state().condition, kept.pid, engine.starts, ended) == ("stopped", 0, 1, [])


async def test_stopping_twice_is_no_error(keep: Keep) -> None:
    kept = keep(FakeEngine())
    await kept.start()
    await kept.stop()
    await kept.stop()
    assert kept.state().condition == "stopped"
