"""The state directory `.atoll/<system>/`: one running system each, held by a lock, written atomically.

- `lock`: held with flock(2) by the supervisor and all that it forked, so for as long as anything runs
- `state.json`: what `atoll ps` reads
- `logs/`: one file a process
- `data/`: one database a service
- `nats/`: the broker's store
- `envoy/`: the gateway's configuration
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from atoll.system.errors import AlreadyRunning, DamagedState
from atoll.system.state import State

PARTS: Final = ("logs", "data", "nats", "envoy")
PATIENCE: Final = 2.0
"""Seconds that a killed system's last processes are given to let go of the lock."""


class StateDirectory:
    """The directory of one system. Making it touches nothing; `prepare` and `lock` do."""

    def __init__(self, root: Path, system: str) -> None:
        self.root = root.absolute()
        self.system = system
        self.path = self.root / system
        self._lock = -1

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def nats(self) -> Path:
        return self.path / "nats"

    @property
    def envoy(self) -> Path:
        return self.path / "envoy"

    def log(self, name: str) -> Path:
        """The log file of the process called `name`."""
        return self.path / "logs" / f"{name}.log"

    def prepare(self) -> None:
        """Make what is missing. Raises DamagedState when something else is in the way; changes nothing then."""
        for path in (self.root, self.path, *(self.path / part for part in PARTS)):
            _make(path)
        self.read()
        ignore = self.root / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="ascii")

    def lock(self, *, patience: float = PATIENCE, sleep: Callable[[float], None] = time.sleep) -> None:
        """Hold the system. Raises AlreadyRunning when another process does, after `patience` seconds."""
        path = self.path / "lock"
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise DamagedState(f"{path} cannot be opened ({error.strerror}); move it away and try again") from None
        until = time.monotonic() + patience
        while not _try_lock(handle, fcntl.LOCK_EX):
            if time.monotonic() >= until or self._supervised():
                os.close(handle)
                raise AlreadyRunning(self.system, self.read().pid)
            sleep(0.05)
        self._lock = handle

    def running(self) -> bool:
        """Tell whether the system runs, that is whether any process holds its lock."""
        try:
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return not _try_lock(handle, fcntl.LOCK_SH)
        finally:
            os.close(handle)

    def read(self) -> State:
        """Return the state as last written, an empty one when there is none. Raises DamagedState."""
        path = self.path / "state.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=State)
        except (FileNotFoundError, NotADirectoryError):
            return State(system=self.system, stage="stopped")
        except OSError as error:
            raise DamagedState(f"{path} cannot be read ({error.strerror}); move it away and try again") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DamagedState(
                f"{path} is damaged ({error}); nothing was deleted: move that file away and run `atoll up` again, "
                "it only says what ran last and the databases beside it are untouched"
            ) from None

    def write(self, state: State) -> None:
        """Replace state.json: a reader sees the old one or the new one, never a part."""
        path = self.path / "state.json"
        fresh = path.with_suffix(".json.new")
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(state), indent=2))
        os.replace(fresh, path)

    def close(self) -> None:
        """Let go of the lock. Idempotent."""
        if self._lock >= 0:
            with suppress(OSError):
                os.close(self._lock)
            self._lock = -1

    def _supervised(self) -> bool:
        pid = self.read().pid
        return pid > 0 and _alive(pid)


def systems_in(root: Path) -> list[str]:
    """Return the names of the systems that keep their state below `root`."""
    try:
        return sorted(each.name for each in root.iterdir() if (each / "lock").exists())
    except OSError:
        return []


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise DamagedState(
            f"{path} is not a directory, but Atoll keeps its state in one of that name; move it away"
        ) from None
    except OSError as error:
        raise DamagedState(f"{path} cannot be made ({error.strerror}); choose another --directory") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise DamagedState(f"{path} cannot be written to; change its permissions, or choose another --directory")


def _try_lock(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
