"""Who is left."""

from __future__ import annotations

import os
import subprocess
import sys

from atoll.torture.census import Census, birth_of


def test_a_process_that_still_runs_is_left() -> None:
    census = Census()
    census.note({"this": os.getpid(), "none": 0})
    assert census.left() == ["this"]


def test_a_process_that_has_ended_is_not_left() -> None:
    census = Census()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        census.note({"child": process.pid})
        assert census.left() == ["child"]
        process.communicate()
    assert census.left() == []


def test_a_process_that_waits_to_be_reaped_has_no_life() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert birth_of(process.pid) == ""
    process.wait()
