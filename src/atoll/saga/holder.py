"""Which process holds a saga, and whether that process is gone for certain.

A name of a slot (`shop/order/0`) says nothing of that: after a mistake two machines may use the same one, and after a
kill the next process does. So the holder is told by the kernel's own marks: the boot, the namespace of process ids,
the id and when it was given out (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html, field 22). Only within
the same namespace of the same boot can a process be known to be gone; elsewhere its lease has to run out.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from atoll.core.machine import machine

_PROC = Path("/proc")


def this_holder() -> str:
    """Return a holder of its own for each call, in this process."""
    pid = os.getpid()
    return "/".join((_place(), str(pid), _started(pid) or "?", machine().random_bytes(6).hex()))


def is_gone(holder: str) -> bool:
    """Tell whether the process of `holder` has ended for certain; False when that cannot be known from here."""
    place, _, rest = holder.rpartition("/")[0].partition("/")
    pid, _, started = rest.partition("/")
    if not _place() or place != _place() or not pid.isdecimal() or not started.isdecimal():
        return False
    return _started(int(pid)) != started


@cache
def _place() -> str:
    """The boot and the namespace of process ids; empty where the kernel does not tell."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}:{(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """When the process was started, in the kernel's ticks; None when there is none, or only its remains."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]
