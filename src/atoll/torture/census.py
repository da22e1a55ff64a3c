"""Which processes a run has seen, and which of them are still there at its end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


class Census:
    """Remembers processes with the time each began, because the kernel uses their ids again."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[str, str]] = {}

    def note(self, pids: Mapping[str, int]) -> None:
        """Remember the processes of these names."""
        for name, pid in pids.items():
            if pid and (birth := birth_of(pid)):
                self._seen[pid] = (name, birth)

    def left(self) -> list[str]:
        """Return the names of those that still run."""
        return [name for pid, (name, birth) in self._seen.items() if birth_of(pid) == birth]


def birth_of(pid: int) -> str:
    """Return something that tells this process from a later one with its id; empty when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    except OSError:
        return "there" if not Path("/proc/self").exists() and _answers(pid) else ""
    return "" if fields[0] == "Z" else fields[19]


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
