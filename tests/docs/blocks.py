"""Finds the Python code blocks of a Markdown page; CONTRIBUTING.md tells the conventions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

FRAGMENT = "<!-- fragment -->"

_OPENING = re.compile(r"(?P<indent> *)(?P<fence>```+)python\b(?P<options>.*)")
_TITLE = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block: its code, the number of its first line in the page, and how it is meant.

    `file` is the path it is to be written to before the next block runs; a `fragment` is compiled, not run.
    """

    code: str
    line: int
    file: str = ""
    fragment: bool = False

    @property
    def placed(self) -> str:
        """The code on the lines that it has in the page, so that tracebacks name them."""
        return "\n" * (self.line - 1) + self.code


def blocks(page: str) -> Iterator[Block]:
    """Yield the Python blocks of a page from top to bottom."""
    lines = page.splitlines()
    numbers = iter(range(len(lines)))
    for number in numbers:
        opening = _OPENING.fullmatch(lines[number])
        if opening is None:
            continue
        end = _end(lines, number, opening)
        title = _TITLE.search(opening["options"])
        yield Block(
            code=_code(lines[number + 1 : end], opening["indent"]),
            line=number + 2,
            file=title[1] if title else "",
            fragment=number > 0 and lines[number - 1].strip() == FRAGMENT,
        )
        for _ in range(end - number):
            next(numbers)


def _end(lines: list[str], start: int, opening: re.Match[str]) -> int:
    closing = opening["indent"] + opening["fence"]
    for number in range(start + 1, len(lines)):
        if lines[number].rstrip() == closing:
            return number
    raise ValueError(f"the code block that begins in line {start + 1} does not end")


def _code(lines: list[str], indent: str) -> str:
    return "".join(f"{line.removeprefix(indent)}\n" for line in lines)
