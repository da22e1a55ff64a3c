"""Waiting for a file that another process writes to: for some time, and no longer than whoever wants it.

SQLite itself waits on the connection's thread and cannot be told to stop, so it is only let wait for a glance at a
time: https://www.sqlite.org/c3ref/busy_timeout.html
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Final

BUSY_SECONDS: Final = 10.0
GLANCE_SECONDS: Final = 0.1


def patiently(begin: Callable[[], object], wanted: Callable[[], bool] = lambda: True) -> None:
    """Call `begin`, which begins a transaction, until the file is free for it.

    Raises sqlite3.OperationalError, whose code is SQLITE_BUSY, after BUSY_SECONDS or as soon as it is not `wanted`
    any more; what else `begin` raises, at once.
    """
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            begin()
        except sqlite3.OperationalError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code != sqlite3.SQLITE_BUSY or not wanted() or time.monotonic() >= end:
                raise
        else:
            return
