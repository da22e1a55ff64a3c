"""Ties a process's life to its parent's, so that kill -9 of the parent leaves nothing behind."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def lifeline() -> Callable[[], None]:
    """Return what a child of this process does first: have the kernel kill it when this process ends.

    prctl(2) with PR_SET_PDEATHSIG on Linux, where the end of the thread that forked counts; elsewhere the child
    only ends at once if its parent is gone already. Made before the fork, because little is safe after it.
    """
    parent = os.getpid()
    libc = ctypes.CDLL(None)

    def tie() -> None:
        if sys.platform == "linux":
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return tie
