"""How much memory a process really takes."""

from __future__ import annotations

from pathlib import Path


def pss(pid: int) -> int | None:
    """Return the proportional set size of `pid` in bytes: pages shared by n processes count 1/n in each.

    None where the kernel does not tell (not Linux, another user's process, no such process).
    """
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return None
