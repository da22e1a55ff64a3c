"""Puts configuration where Envoy sees it, whole or not at all, and reads what Envoy says in its log."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from atoll.gateway.render import File

_TAIL: Final = 64 * 1024
_LONGEST: Final = 400
_BEGIN: Final = 100


class _Line(msgspec.Struct):
    level: str
    message: str


def write_files(directory: Path, files: Iterable[File]) -> None:
    """Write `files` below `directory`, in order. Each is moved into place, which is also what makes Envoy look."""
    for file in files:
        target = directory / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.name}.new")
        unfinished.write_bytes(file.content)
        os.replace(unfinished, target)


def last_words(log: Path, *, since: int = 0, lines: int = 3) -> tuple[str, ...]:
    """Return the last warnings and errors in `log` from the byte `since` on, as plain sentences."""
    if not log.exists():
        return ()
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(since, size - _TAIL))
        said = [_sentence(line) for line in file.read().splitlines()]
    return tuple([each for each in said if each][-lines:])


def _sentence(line: bytes) -> str:
    try:
        parsed = msgspec.json.decode(line, type=_Line)
    except msgspec.DecodeError:
        return _shortened(line.decode(errors="replace"))
    return "" if parsed.level.lower() in ("trace", "debug", "info") else _shortened(parsed.message)


def _shortened(text: str) -> str:
    """One line; of a long one the begin and the end, where Envoy names the field that is wrong."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_BEGIN]} … {line[_BEGIN - _LONGEST :]}"
