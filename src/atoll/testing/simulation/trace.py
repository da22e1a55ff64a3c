"""What happened in a simulation, in order: enough to compare two runs exactly and to read a failing one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from hashlib import sha256


class Trace:
    """Every event of a run goes into the digest; the last `keep` of them are kept as text.

    `stamp` gives the virtual time and how many callbacks have run, so that the digest tells schedules apart too.
    """

    def __init__(self, stamp: Callable[[], tuple[float, int]], *, keep: int = 200) -> None:
        self._stamp = stamp
        self._hash = sha256()
        self.lines: deque[str] = deque(maxlen=keep)
        self.frozen = False

    def add(self, who: str, what: str) -> None:
        """Note that `who` did or met `what`."""
        if self.frozen:
            return
        now, step = self._stamp()
        line = f"{now:12.6f} {step:7d} {who:<14} {what}"
        self.lines.append(line)
        self._hash.update(line.encode())

    @property
    def digest(self) -> str:
        """Equal for two runs exactly when the same things happened in the same order at the same times."""
        return self._hash.hexdigest()
