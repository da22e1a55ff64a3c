"""Both checkers hold both sides of a contract to it: exactly the marked lines of the cases are refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.typing.checkers import Line, expected, refused_by_mypy, refused_by_pyright, told


@pytest.mark.parametrize("refused", [refused_by_mypy, refused_by_pyright])
def test_a_checker_refuses_each_marked_line_and_no_other(refused: Callable[[], frozenset[Line]]) -> None:
    marked, found = expected(), refused()
    assert told(marked - found) == []
    assert told(found - marked) == []


def test_there_are_cases_of_both_sides() -> None:
    assert {"implementations.py", "calls.py"} <= {name for name, _ in expected()}
