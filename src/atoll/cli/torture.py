"""`atoll torture`: hurt a system under load, and tell whether it kept what it promised."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import uvloop

from atoll.cli.errors import UsageError
from atoll.cli.finding import here_first
from atoll.system.replicas import parse_replicas
from atoll.system.target import default_target
from atoll.torture import KINDS, Kind, Options, Report, json_of, lines_of, page_of, torture


def torture_system(
    target: str,
    directory: Path | None,
    *,
    faults: int,
    seed: int | None,
    seconds: float | None,
    kinds: str,
    only: str,
    replicas: str,
    broker: str,
    json: Path | None,
    html: Path | None,
) -> bool:
    """Run, print the report and write it where asked; return whether everything holds.

    Without a directory it uses one of its own, which is kept when something does not hold.
    """
    here_first()
    target = target or default_target(Path.cwd())
    chosen = kinds_of(kinds)
    for file in filter(None, (json, html)):
        _check_place(file)
    options = Options(
        faults=faults,
        seed=secrets.randbelow(1_000_000) if seed is None else seed,
        seconds=seconds,
        kinds=chosen,
        only=names_in(only),
        replicas=parse_replicas(replicas),
        broker=broker,
    )
    place = directory or Path(tempfile.mkdtemp(prefix="atoll-torture-"))
    good = False
    try:
        report = _run(target, options, place)
        good = report.good
        show(report, json, html)
    finally:
        if directory is None and (good or not any(place.iterdir())):
            shutil.rmtree(place, ignore_errors=True)
        elif not good and place.exists():
            print(f"logs and databases are in {place}", file=sys.stderr)
    return good


def kinds_of(text: str) -> Sequence[Kind]:
    """Return the kinds that `text` names, all for an empty one. Raises UsageError for one that is none."""
    names = names_in(text)
    if unknown := [each for each in names if each not in KINDS]:
        raise UsageError(f"{unknown[0]!r} is no kind of fault; there are {', '.join(KINDS)}")
    return [kind for kind in KINDS if kind in names] or KINDS


def names_in(text: str) -> list[str]:
    """Return the names in a list that is written with commas."""
    return [each.strip() for each in text.split(",") if each.strip()]


def show(report: Report, json: Path | None, html: Path | None) -> None:
    """Print the report, and write it to these files."""
    print("", *lines_of(report), sep="\n")
    if json is not None:
        json.write_bytes(json_of(report))
    if html is not None:
        html.write_text(page_of(report), encoding="utf-8")


def _run(target: str, options: Options, directory: Path) -> Report:
    work = torture(target, options, directory=directory, tell=lambda text: print(text, flush=True))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _check_place(file: Path) -> None:
    """Say before the run, not after it, that its report cannot be written."""
    if not file.absolute().parent.is_dir():
        raise UsageError(f"{file} cannot be written, because there is no directory {file.absolute().parent}")
