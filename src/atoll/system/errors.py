"""The local platform's errors.

PlatformError
├── UnknownSystem       MODULE:SYSTEM does not name a system that can be loaded
├── AlreadyRunning      the system runs from this directory already
├── NotRunning          nothing runs, or not the system or service that was named
├── DamagedState        the state directory cannot be used as it is; nothing in it was changed
├── WrongReplicas       replicas of something that has none, or so many that they cannot be
├── PortTaken           something else listens on the port that was asked for
└── StartFailed         a part of the system could not be started
"""

from __future__ import annotations

from typing import ClassVar

from atoll.core.errors import AtollError


class PlatformError(AtollError):
    """Base: the local platform could not do what was asked. The message is one sentence that says what to do.

    `exit_code` is that of the command line: 2 for what was asked wrongly, 1 for what went wrong.
    """

    code = "platform"
    exit_code: ClassVar[int] = 1


class UnknownSystem(PlatformError):
    """MODULE:SYSTEM does not name a system that can be loaded."""

    code = "unknown_system"
    exit_code = 2


class AlreadyRunning(PlatformError):
    """The system runs from this directory already; `pid` is its supervisor's, 0 when that is not known."""

    code = "already_running"

    def __init__(self, system: str, pid: int) -> None:
        self.system = system
        self.pid = pid
        who = f" as process {pid}" if pid else ""
        super().__init__(
            f"{system} is running already{who}; stop it with Ctrl-C there, or start this one with another --directory"
        )


class NotRunning(PlatformError):
    """Nothing runs, or not the system or service that was named."""

    code = "not_running"


class DamagedState(PlatformError):
    """The state directory cannot be used as it is; nothing in it was changed or deleted."""

    code = "damaged_state"


class WrongReplicas(PlatformError):
    """Replicas were asked for of something that has none, or so many that they cannot be."""

    code = "wrong_replicas"
    exit_code = 2


class PortTaken(PlatformError):
    """Something else listens on the port that was asked for."""

    code = "port_taken"

    def __init__(self, port: int, remedy: str) -> None:
        self.port = port
        super().__init__(f"port {port} is taken by another process; {remedy}")


class StartFailed(PlatformError):
    """A part of the system could not be started; the message is that part's own sentence."""

    code = "start_failed"
