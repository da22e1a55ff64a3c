"""A system of services as one whole, and the platform that runs it on one machine."""

from atoll.system.declaration import Invariant, Program, System
from atoll.system.directory import StateDirectory
from atoll.system.errors import PlatformError
from atoll.system.handle import RunningSystem, running
from atoll.system.load import Attempt, Load, Recorder
from atoll.system.state import ProcessState, State
from atoll.system.target import load_system

__all__ = [
    "Attempt",
    "Invariant",
    "Load",
    "PlatformError",
    "ProcessState",
    "Program",
    "Recorder",
    "RunningSystem",
    "State",
    "StateDirectory",
    "System",
    "load_system",
    "running",
]
