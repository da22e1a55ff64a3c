"""A process's share of memory."""

from __future__ import annotations

import os
import sys

from atoll.system.memory import pss


def test_a_process_has_some_where_the_kernel_tells() -> None:
    size = pss(os.getpid())
    assert (size is not None and size > 1_000_000) == (sys.platform == "linux")


def test_a_process_that_is_not_there_has_none() -> None:
    assert pss(2**30) is None
