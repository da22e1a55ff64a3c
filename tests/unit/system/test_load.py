"""What customers note, and that a system says what its load is."""

from __future__ import annotations

from atoll.system import Attempt, Recorder
from tests.integration.system.pair import pair
from tests.integration.torture.till import LOAD, till


def test_a_recorder_keeps_what_it_is_told_in_order() -> None:
    recorder = Recorder()
    attempt = Attempt(method="GET", path="/", began=1.0, ended=2.0, status=200)
    recorder.note(attempt)
    recorder.acknowledge("a")
    recorder.acknowledge("b")
    recorder.give_up("c")
    assert (recorder.attempts, recorder.acknowledged, recorder.unanswered) == ([attempt], ["a", "b"], ["c"])


def test_a_system_declares_its_load_or_has_none() -> None:
    assert till.load is LOAD
    assert pair.load is None
