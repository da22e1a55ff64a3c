"""Whatever process dies, and wherever: once it is started again every effect has happened, and happened once.

Each case dies at one point on each pair of engines. Its process is killed there by its own hand and started again, and
its clients ask on with the same keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from tests.crash.case import Case
from tests.crash.nursery import nursery
from tests.crash.points import ELSEWHERE, deaths, declared, fits
from tests.crash.rig import Rig, rigs

HOME = Path(__file__).parents[2]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pairs(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> AsyncIterator[list[Rig]]:
    folder = tmp_path_factory.mktemp("crash")
    async with nursery() as warm, rigs(folder, warm, postgres_server) as made:
        yield made


async def wrong_with(pairs: Sequence[Rig], where: Sequence[str]) -> list[str]:
    """Return what is wrong when a process dies there, on all pairs at the same time."""
    found = await asyncio.gather(*(Case(rig, where).run() for rig in pairs))
    return [each for wrong in found for each in wrong]


@pytest.mark.asyncio(loop_scope="module")
async def test_without_a_death_every_effect_happens_once(pairs: list[Rig]) -> None:
    assert not await wrong_with(pairs, ())


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("where", deaths(), ids=", then ".join)
async def test_every_effect_happens_once_though_the_process_dies_at(where: tuple[str, ...], pairs: list[Rig]) -> None:
    here = [rig for rig in pairs if all(fits(point, rig.database) for point in where)]
    assert here
    assert not await wrong_with(here, where)


@pytest.mark.asyncio(loop_scope="module")
async def test_nothing_has_happened_twice_in_any_case_once_all_is_at_rest(pairs: list[Rig]) -> None:
    async with asyncio.timeout(30.0):
        while not all([await rig.at_rest() for rig in pairs]):
            await asyncio.wait({rig.life.ended for rig in pairs}, timeout=0.02)
    assert not [each for rig in pairs for each in await rig.wrong()]


def test_a_point_that_this_system_does_not_come_to_has_a_test_of_its_own() -> None:
    assert ELSEWHERE.keys() <= set(declared())
    assert [point for point, (file, how) in ELSEWHERE.items() if how not in (HOME / file).read_text()] == []
