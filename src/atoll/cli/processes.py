"""`atoll ps`: the processes of a system as a table."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from atoll.cli.finding import running_systems
from atoll.system.memory import pss
from atoll.system.state import ProcessState, State

WIDEST: Final = 1000
"""Columns that a table is given to say how many it needs."""

_COLOURS = {"ready": "green", "waiting": "yellow", "failed": "red", "starting": "cyan", "stopping": "cyan"}


def show_processes(root: Path, which: str) -> None:
    """Print a table for each running system."""
    console = Console(highlight=False)
    states = [each.read() for each in running_systems(root, which)]
    for state in states:
        if len(states) > 1:
            console.print(f"[bold]{state.system}[/bold]")
        memory = {each.pid: pss(each.pid) for each in state.processes if each.pid}
        print_whole(console, table_of(state, memory, now=time.time()))
        if known := [size for size in memory.values() if size is not None]:
            console.print(f"{len(memory)} processes, {megabytes(sum(known))} in all\n")


def table_of(state: State, memory: dict[int, int | None], *, now: float) -> Table:
    """Return the processes as a table of at most 80 columns, each process's memory once."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("Name", "Pid", "State", "Address", "Restarts", "Memory", "Up"):
        table.add_column(name, no_wrap=True, justify="right" if name in ("Pid", "Restarts", "Memory", "Up") else "left")
    counted: set[int] = set()
    for each in _ordered(state.processes):
        size = None if each.pid in counted else memory.get(each.pid)
        counted.add(each.pid)
        table.add_row(*_cells(each, size, now))
    return table


def print_whole(console: Console, table: Table) -> None:
    """Print a table as it is; a narrow terminal may break its lines, but no process id in it is cut."""
    wide = console.options.update(max_width=WIDEST)
    console.width = max(console.width, console.measure(table, options=wide).maximum)
    console.print(table)


def _cells(process: ProcessState, size: int | None, now: float) -> tuple[str, ...]:
    colour = _COLOURS.get(process.condition, "default")
    return (
        process.label,
        str(process.pid or "-"),
        f"[{colour}]{process.condition}[/{colour}]",
        process.address or "-",
        str(process.restarts),
        "-" if size is None else megabytes(size),
        duration(now - process.started) if process.pid else "-",
    )


def _ordered(processes: Sequence[ProcessState]) -> list[ProcessState]:
    order = ("service", "program", "engine", "supervisor")
    return sorted(processes, key=lambda each: order.index(each.kind))


def megabytes(size: int) -> str:
    """`size` bytes for people."""
    return f"{size / 1e6:.0f} MB"


def duration(seconds: float) -> str:
    """Seconds for people: the two largest units."""
    left = max(0, round(seconds))
    for size, unit, smaller, smaller_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if left >= size:
            return f"{left // size}{unit} {left % size // smaller}{smaller_unit}"
    return f"{left}s"
