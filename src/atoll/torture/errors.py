"""What keeps a system from being tortured.

TortureError
├── NothingToHold     the system declares no load or no invariants, so nothing could be held against it
├── WrongTorture      what was asked for cannot be done to this system, here
└── LoadFailed        the customers themselves failed, so that the run says nothing
"""

from __future__ import annotations

from typing import ClassVar

from atoll.core.errors import AtollError


class TortureError(AtollError):
    """Base: a run could not begin. The message is one sentence that says what to do."""

    code = "torture"
    exit_code: ClassVar[int] = 2


class NothingToHold(TortureError):
    """The system declares no load or no invariants, so nothing could be held against it."""

    code = "nothing_to_hold"


class WrongTorture(TortureError):
    """What was asked for cannot be done to this system, here."""

    code = "wrong_torture"


class LoadFailed(TortureError):
    """The customers themselves failed, so that the run says nothing."""

    code = "load_failed"
    exit_code = 1

    def __init__(self, reason: str) -> None:
        super().__init__(f"the load is not usable: {reason}")
