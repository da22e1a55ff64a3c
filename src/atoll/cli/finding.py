"""Which system and which of its services a command means."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from atoll.cli.errors import UsageError
from atoll.system.directory import StateDirectory, systems_in
from atoll.system.errors import NotRunning


def running_systems(root: Path, which: str = "") -> list[StateDirectory]:
    """Return the systems that run below `root`, only the one called `which` if given. Raises NotRunning for none."""
    found = [each for each in _known(root, which) if each.running()]
    if not found:
        what = which or "nothing"
        verb = "does not run" if which else "runs"
        raise NotRunning(f"{what} {verb} here (in {root}); start a system with: atoll up MODULE:SYSTEM")
    return found


def running_system(root: Path, which: str = "") -> StateDirectory:
    """Return the one system that runs below `root`. Raises NotRunning for none, UsageError for several."""
    return _only(running_systems(root, which))


def any_system(root: Path, which: str = "") -> StateDirectory:
    """Return the running system, or else the one that ran last, for what outlives it."""
    known = _known(root, which)
    running = [each for each in known if each.running()]
    if not known:
        raise NotRunning(f"no system ever ran here (in {root}); start one with: atoll up MODULE:SYSTEM")
    return _only(running or known)


def pick(wanted: str, names: Sequence[str], kind: str) -> list[str]:
    """Return `[wanted]`, or all `names` when it is empty. Raises UsageError for one that is not among them."""
    if wanted and wanted not in names:
        raise UsageError(f"there is no {kind} {wanted!r}; there are {', '.join(sorted(names)) or 'none'}")
    return [wanted] if wanted else list(names)


def here_first() -> None:
    """Let modules of the working directory be imported, as `python -m` does."""
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)


def _known(root: Path, which: str) -> list[StateDirectory]:
    names = [name for name in systems_in(root) if which in ("", name)]
    return [StateDirectory(root, name) for name in names]


def _only(found: Sequence[StateDirectory]) -> StateDirectory:
    if len(found) > 1:
        names = ", ".join(each.system for each in found)
        raise UsageError(f"there are several systems here: {names}; choose one with --system")
    return found[0]
