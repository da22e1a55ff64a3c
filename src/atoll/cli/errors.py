"""What a user can ask wrongly on the command line."""

from __future__ import annotations

from typing import ClassVar

from atoll.core.errors import AtollError


class UsageError(AtollError):
    """What was asked cannot be meant; the message says what can."""

    code = "usage"
    exit_code: ClassVar[int] = 2


class CallFailed(AtollError):
    """A service answered with an error, which the message tells in one sentence."""

    code = "call_failed"
    exit_code: ClassVar[int] = 1
