"""The form that every benchmark reports in: the machine, a table of 80 columns, one JSON object."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
import psutil
from rich.console import Console
from rich.table import Table

WIDTH = 80


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One thing measured: `value` is Atoll's, `peers` the others' by name, all in `unit`.

    `ratio` says how many times better Atoll did than each peer: above 1 it gave more, or took less.
    """

    case: str
    unit: str
    value: float
    peers: dict[str, float]
    ratio: dict[str, float]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All that one run of a benchmark found."""

    bench: str
    machine: str
    cases: list[Case]


def compare(case: str, unit: str, value: float, peers: Mapping[str, float], *, more_is_better: bool) -> Case:
    """Return a case with its ratios."""
    ratio = {name: _quotient(value, peer) if more_is_better else _quotient(peer, value) for name, peer in peers.items()}
    return Case(
        case=case,
        unit=unit,
        value=round(value, 3),
        peers={name: round(peer, 3) for name, peer in peers.items()},
        ratio={name: round(each, 3) for name, each in ratio.items()},
    )


def describe_machine() -> str:
    """Return the machine in one line: processor, cores, memory, system, Python."""
    parts = (
        _processor(),
        f"{os.cpu_count()} cores",
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        f"{platform.system()} {platform.release()}",
        f"Python {platform.python_version()}",
    )
    return ", ".join(parts)


def show(report: Report, *, as_json: bool) -> None:
    """Print the report on standard output, for people or as one JSON object."""
    if as_json:
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
        return
    console = Console(width=WIDTH, highlight=False)
    console.print(f"[bold]{report.bench}[/bold] on {report.machine}")
    console.print(_table(report.cases))
    console.print("ratio: how many times better Atoll did; above 1 it gave more, or took less")


def show_table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a further table for people: the first column is text, the others are numbers."""
    table = Table(title=title, title_justify="left", width=WIDTH)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", overflow="fold", ratio=1 if place == 0 else None)
    for row in rows:
        table.add_row(*row)
    Console(width=WIDTH, highlight=False).print(table)


def number(value: float) -> str:
    """Return a number with three digits that count, or all those before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _table(cases: Iterable[Case]) -> Table:
    """Return a row for each contestant of a case, so that any number of them fits into the width."""
    table = Table(width=WIDTH)
    table.add_column("case", ratio=1, overflow="fold")
    table.add_column("unit", overflow="fold")
    table.add_column("", overflow="fold")
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("ratio", justify="right", no_wrap=True)
    for case in cases:
        table.add_row(case.case, case.unit, "atoll", number(case.value), "")
        for name, value in case.peers.items():
            table.add_row("", "", name, number(value), f"{case.ratio[name]:.2f} x")
        table.add_section()
    return table


def _quotient(over: float, under: float) -> float:
    return over / under if under else 0.0


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
