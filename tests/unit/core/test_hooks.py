from __future__ import annotations

import logging
from dataclasses import dataclass

import pytest

from atoll.core import Hooks


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenMore(Seen):
    pass


def broken(_record: Seen) -> None:
    raise RuntimeError("observer")


def test_each_observer_gets_each_record_in_order() -> None:
    hooks, got = Hooks(), list[tuple[str, int]]()
    hooks.on(Seen, lambda record: got.append(("first", record.number)))
    hooks.on(Seen, lambda record: got.append(("second", record.number)))
    hooks.emit(Seen(number=1))
    assert got == [("first", 1), ("second", 1)]


def test_an_observer_gets_records_of_exactly_its_type() -> None:
    hooks, got = Hooks(), list[Seen]()
    hooks.on(Seen, got.append)
    hooks.emit(SeenMore(number=1))
    assert got == []


def test_an_observer_that_raises_changes_nothing_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    hooks, got = Hooks(), list[Seen]()
    hooks.on(Seen, broken)
    hooks.on(Seen, got.append)
    with caplog.at_level(logging.ERROR):
        hooks.emit(Seen(number=1))
    assert got == [Seen(number=1)]
    assert "a hook for Seen failed" in caplog.text


def test_hooks_tell_whether_anyone_listens() -> None:
    hooks = Hooks()
    hooks.on(Seen, print)
    assert (hooks.wants(Seen), hooks.wants(SeenMore)) == (True, False)
