"""Whatever process dies, and wherever: in the end every effect has happened, and once.

Each case dies at one point on each pair of engines. Its process is killed there by its own hand and started again, and
its clients ask on with the same keys. A module for each database has these cases, so that two workers can run them.
"""

from __future__ import annotations

import pytest

from tests.crash.case import wrong_at_rest, wrong_with
from tests.crash.points import deaths
from tests.crash.rig import Rig


@pytest.mark.asyncio(loop_scope="module")
class Deaths:
    """The cases of a module on its DATABASE with each broker."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make a case of each point at which a process dies on the module's database."""
        if "where" in metafunc.fixturenames:
            metafunc.parametrize("where", deaths(vars(metafunc.module)["DATABASE"]), ids=", then ".join)

    async def test_without_a_death_every_effect_happens_once(self, pairs: list[Rig]) -> None:
        assert not await wrong_with(pairs, ())

    async def test_every_effect_happens_once_though_the_process_dies_at(
        self, where: tuple[str, ...], pairs: list[Rig]
    ) -> None:
        assert not await wrong_with(pairs, where)

    async def test_nothing_has_happened_twice_in_any_case_once_all_is_at_rest(self, pairs: list[Rig]) -> None:
        assert not await wrong_at_rest(pairs)
