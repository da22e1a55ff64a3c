"""A command finds the system it means, or says which there are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from atoll.cli.errors import UsageError
from atoll.cli.finding import any_system, pick, running_system, running_systems
from atoll.system import StateDirectory
from atoll.system.errors import NotRunning


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[StateDirectory]:
    directory = StateDirectory(tmp_path, "shop")
    directory.prepare()
    directory.lock()
    yield directory
    directory.close()


def test_the_only_running_system_is_meant(shop: StateDirectory) -> None:
    assert running_system(shop.root).system == "shop"


def test_of_several_one_must_be_chosen(shop: StateDirectory) -> None:
    other = StateDirectory(shop.root, "bank")
    other.prepare()
    other.lock()
    with pytest.raises(UsageError, match="several systems here: bank, shop; choose one with --system"):
        running_system(shop.root)
    assert running_system(shop.root, "bank").system == "bank"
    other.close()


def test_a_stopped_system_does_not_run(shop: StateDirectory) -> None:
    shop.close()
    with pytest.raises(NotRunning, match="nothing runs here"):
        running_systems(shop.root)


def test_one_that_does_not_run_is_named(shop: StateDirectory) -> None:
    with pytest.raises(NotRunning, match="bank does not run here"):
        running_system(shop.root, "bank")


def test_what_a_stopped_system_left_can_be_looked_at(shop: StateDirectory) -> None:
    shop.close()
    assert any_system(shop.root).system == "shop"


def test_a_running_system_comes_before_stopped_ones(shop: StateDirectory) -> None:
    other = StateDirectory(shop.root, "bank")
    other.prepare()
    other.lock()
    other.close()
    assert any_system(shop.root).system == "shop"


def test_without_a_name_all_are_picked() -> None:
    assert pick("", ["a", "b"], "service") == ["a", "b"]


def test_an_unknown_name_is_told_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="there is no service 'x'; there are a, b"):
        pick("x", ["b", "a"], "service")
