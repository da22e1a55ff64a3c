"""Samples the stacks of a running process with py-spy, and says where its Python code spends its time."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PER_SECOND: Final = 250
_LONGEST: Final = 600


class CannotProfile(Exception):
    """There is no profile; the message says why and what to do."""


@dataclass(slots=True)
class Profile:
    """Samples in which a function ran: `own` itself, `total` itself or what it called; `areas` by package."""

    samples: int = 0
    own: Counter[str] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)
    areas: Counter[str] = field(default_factory=Counter)

    def add(self, stack: list[str], count: int) -> None:
        """Count a stack, the outermost function first."""
        names = [_function(frame) for frame in stack]
        self.samples += count
        self.own[names[-1]] += count
        self.areas[_area(names[-1])] += count
        for name in set(names):
            self.total[name] += count


@asynccontextmanager
async def profiled(pid: int) -> AsyncGenerator[Profile]:
    """Sample the process while the block runs; the profile is filled at its end. Raises CannotProfile."""
    profile = Profile()
    with tempfile.TemporaryDirectory(prefix="atoll-bench-") as directory:
        output = Path(directory) / "stacks"
        sampler = await _start(pid, output)
        try:
            yield profile
        finally:
            said = await _stop(sampler)
        if not output.exists() or not output.stat().st_size:
            raise CannotProfile(f"py-spy could not look at the process, or it did nothing: {said}")
        for line in output.read_text("utf-8").splitlines():
            stack, _, count = line.rpartition(" ")
            profile.add(stack.split(";"), int(count))


async def _start(pid: int, output: Path) -> asyncio.subprocess.Process:
    found = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if found is None:
        raise CannotProfile("there is no py-spy; install it with: pip install py-spy")
    return await asyncio.create_subprocess_exec(
        found,
        *("record", "--pid", str(pid), "--rate", str(PER_SECOND), "--duration", str(_LONGEST)),
        *("--gil", "--format", "raw", "--function", "--output", str(output)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


async def _stop(sampler: asyncio.subprocess.Process) -> str:
    if sampler.returncode is None:
        sampler.send_signal(signal.SIGINT)
    _, said = await sampler.communicate()
    return " ".join(said.decode(errors="replace").split())[-300:]


def _function(frame: str) -> str:
    """Return `package/module.py: function` for a frame `function (/long/way/package/module.py:12)`."""
    name, _, place = frame.partition(" (")
    path = place.rstrip(")").partition(":")[0]
    for root in ("/site-packages/", "/src/", "/examples/shop/", "/lib/python3"):
        if root in path:
            path = path.rpartition(root)[2]
            break
    return f"{path.lstrip('.0123456789/')}: {name}" if path else name


def _area(function: str) -> str:
    """Return the package a function belongs to; of Atoll's and the shop's, the one below them."""
    parts = function.partition(": ")[0].split("/")
    return "/".join(parts[:2]) if parts[0] in ("atoll", "shop") else parts[0].removesuffix(".py")
