"""Rounds in turns, so that a noisy machine is noisy to all, and the cases that come of them."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from statistics import median
from typing import TypeVar

from report import Case, compare

R = TypeVar("R")


async def in_turns(rounds: int, measures: Mapping[str, Callable[[], Awaitable[R]]]) -> dict[str, list[R]]:
    """Return what each has found in so many rounds; who begins changes every time."""
    names = list(measures)
    found: dict[str, list[R]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names if number % 2 else names[::-1]:
            found[name].append(await measures[name]())
    return found


def case_of(case: str, unit: str, found: Mapping[str, list[float]], *, more_is_better: bool) -> Case:
    """Return the case of which these are the rounds; the median of each contestant's counts."""
    values = {name: median(rounds) for name, rounds in found.items()}
    return compare(case, unit, values.pop("atoll"), values, more_is_better=more_is_better)


def tell(line: str) -> None:
    """Tell a person how far it is; the report itself goes to standard output."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
