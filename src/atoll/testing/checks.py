"""How a suite tells what it expected: pytest explains no assertion of a module that is not a test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import pytest

DEADLINE: Final = 30.0


def equal(found: object, expected: object) -> None:
    """Fail, showing both, unless they are equal."""
    holds(found == expected, f"found {found!r}, expected {expected!r}")


def holds(condition: bool, otherwise: str) -> None:
    """Fail the test with the sentence `otherwise` unless `condition` is true."""
    if not condition:
        pytest.fail(otherwise)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until `condition` is true; fails after a deadline."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - what it depends on tells nobody
            await asyncio.sleep(0.02)
