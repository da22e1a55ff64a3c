"""`atoll logs`: what the processes wrote, merged by time and readable."""

from __future__ import annotations

import re
import sys
import time
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from atoll.cli.finding import any_system, pick
from atoll.observability.log_line import text_line
from atoll.system.directory import StateDirectory

LOOK_SECONDS: Final = 0.2


def show_logs(root: Path, which: str, service: str, *, lines: int, follow: bool, raw: bool) -> None:
    """Print the last `lines`, then go on with what is written if `follow`. Raises UsageError for an unknown name."""
    directory = any_system(root, which)
    files = _files(directory, service)
    tails = {name: Tail(path, lines) for name, path in files.items()}
    printer = Printer(raw=raw, labelled=len(files) > 1)
    past = [(name, line) for name, tail in tails.items() for line in tail.past()]
    printer.show(_merged(past)[-lines:] if lines else [])
    with suppress(KeyboardInterrupt):
        while follow:
            printer.show(_merged((name, line) for name, tail in tails.items() for line in tail.fresh()))
            time.sleep(LOOK_SECONDS)


class Tail:
    """The end of a file that grows."""

    def __init__(self, path: Path, lines: int) -> None:
        self._path = path
        self._lines = lines
        self._position = 0
        self._rest = b""

    def past(self) -> list[str]:
        """The last lines that are there; `fresh` goes on from here."""
        return list(deque(self.fresh(), self._lines))

    def fresh(self) -> list[str]:
        """The whole lines written since; from the beginning again if the file was cut."""
        try:
            with self._path.open("rb") as file:
                if file.seek(0, 2) < self._position:
                    self._position, self._rest = 0, b""
                file.seek(self._position)
                *lines, self._rest = (self._rest + file.read()).split(b"\n")
                self._position = file.tell()
        except FileNotFoundError:
            return []
        return [line.decode(errors="replace") for line in lines]


class Printer:
    """Writes lines for people: JSON ones as text, others as they are, with the name of their file if `labelled`."""

    def __init__(self, *, raw: bool, labelled: bool) -> None:
        self._raw = raw
        self._labelled = labelled
        self._colour = sys.stdout.isatty()

    def show(self, lines: Iterable[tuple[str, str]]) -> None:
        """Print `(name, line)` pairs."""
        for name, line in lines:
            print(self._formatted(name, line), flush=True)

    def _formatted(self, name: str, line: str) -> str:
        fields = None if self._raw else fields_of_line(line)
        if fields is not None:
            return text_line(fields, colour=self._colour)
        return f"{name}: {line}" if self._labelled else line


def fields_of_line(line: str) -> Mapping[str, Any] | None:
    """Return the fields of a JSON line, a service's or the gateway's; None for any other line."""
    try:
        fields = msgspec.json.decode(line, type=dict[str, Any])
        if "ts" not in fields:
            fields = _as_ours(fields)
        return fields if isinstance(fields["ts"], float | int) else None
    except (msgspec.DecodeError, KeyError, ValueError, TypeError):
        return None


def _as_ours(gateway: dict[str, Any]) -> dict[str, Any]:
    """The gateway's fields under our names."""
    fields = {"ts": datetime.fromisoformat(gateway.pop("time")).timestamp(), "msg": gateway.pop("message", "")}
    return fields | {"level": str(gateway.pop("level", "")).upper()} | gateway


def _files(directory: StateDirectory, service: str) -> dict[str, Path]:
    found = {path.stem: path for path in sorted((directory.path / "logs").glob("*.log"))}
    for process in directory.read().processes:
        if process.log:
            found.setdefault(process.label, Path(process.log))
    names = [each for each in found if _is_of(each, service)] or pick(service, list(found), "log of")
    return {name: found[name] for name in names}


def _is_of(name: str, service: str) -> bool:
    """Tell whether the process called `name` is a replica of `service`, or is called so itself."""
    return name == service or re.fullmatch(rf"{re.escape(service)}-\d+", name) is not None


def _merged(lines: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Lines in the order of their times; one without a time stays behind the one before it in its file."""
    timed: list[tuple[float, tuple[str, str]]] = []
    last: dict[str, float] = {}
    for name, line in lines:
        fields = fields_of_line(line)
        if fields is not None:
            last[name] = float(fields["ts"])
        timed.append((last.get(name, 0.0), (name, line)))
    return [pair for _, pair in sorted(timed, key=lambda each: each[0])]
