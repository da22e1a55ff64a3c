"""Whatever process dies, and wherever, on SQLite with each broker: in the end every effect has happened, and once.

Each case dies at one point on each pair of engines. Its process is killed there by its own hand and started again, and
its clients ask on with the same keys.
"""

from __future__ import annotations

from typing import Final

import pytest

from tests.crash.case import wrong_at_rest, wrong_with
from tests.crash.points import deaths
from tests.crash.rig import Rig

DATABASE: Final = "sqlite"

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_without_a_death_every_effect_happens_once(pairs: list[Rig]) -> None:
    assert not await wrong_with(pairs, ())


@pytest.mark.parametrize("where", deaths(DATABASE), ids=", then ".join)
async def test_every_effect_happens_once_though_the_process_dies_at(where: tuple[str, ...], pairs: list[Rig]) -> None:
    assert not await wrong_with(pairs, where)


async def test_nothing_has_happened_twice_in_any_case_once_all_is_at_rest(pairs: list[Rig]) -> None:
    assert not await wrong_at_rest(pairs)
