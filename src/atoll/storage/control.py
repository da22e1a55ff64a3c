"""Statements that begin or end transactions are the unit of work's alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from atoll.storage.errors import StatementFailed

_WORDS: Final = frozenset({"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT"})
_SPACE: Final = re.compile(r"[\s;\ufeff]+")
_WORD: Final = re.compile(r"\w+")
_END: Final = re.compile(r"\*/")
_MARKS: Final = re.compile(r"/\*|\*/")
_NOTABLE: Final = re.compile(r"""[;'"$]|--|/\*""")
_QUOTED: Final = re.compile(r"""'[^']*'|"[^"]*"|\$((?:[A-Za-z_]\w*)?)\$.*?\$\1\$|[eE]'(?:[^'\\]|\\.)*'""", re.DOTALL)
_ESCAPES: Final = re.compile(r"(?:\W|\A)[eE]'")
# PostgreSQL nests comments and ends a line at a carriage return too; SQLite does neither.
_LINES: Final = {True: re.compile(r"--[^\n\r]*"), False: re.compile(r"--[^\n]*")}


def refuse_control(sql: str) -> None:
    """Raise StatementFailed for a statement that would begin or end a transaction, whose end others may share.

    Comments and statements before it hide nothing: it is refused when either engine would read it so. Savepoints may be
    used.
    """
    if _is_control(sql):
        raise StatementFailed(
            f"{' '.join(sql.split())[:40]!r} is no statement for a unit of work, which begins and ends by itself: "
            "leave the block, with an error to undo it"
        )


@lru_cache(maxsize=1024)
def _is_control(sql: str) -> bool:
    if any(_controls(_words(sql, nested=nested)) for nested in (False, True)):
        return True
    body = _words(sql, nested=True)[:1] == ["CREATE"]  # of a trigger or function: it ends with `; END`
    later = (_words(sql[at:], nested=True) for at in _after_semicolons(sql))
    return any(_controls(each) and not (body and each[0] == "END") for each in later)


def _controls(words: list[str]) -> bool:
    if words[:2] == ["PREPARE", "TRANSACTION"]:
        return True
    return bool(words) and words[0] in _WORDS and not (words[0] == "ROLLBACK" and "TO" in words[1:])


def _after_semicolons(sql: str) -> Iterator[int]:
    """Yield where each statement after the first begins, as PostgreSQL reads it: it alone takes several at once."""
    at = 0
    while mark := _NOTABLE.search(sql, at):
        at = mark.end()
        if mark.group() == ";":
            yield at
        elif mark.group() == "/*":
            at = _after_comment(sql, mark.start(), nested=True)
        elif skipped := (_LINES[True] if mark.group() == "--" else _QUOTED).match(sql, _opening(sql, mark.start())):
            at = skipped.end()


def _opening(sql: str, quote: int) -> int:
    """Return where the string with this quote begins: with the E that lets it have backslashes, if there is one."""
    return quote - 1 if _ESCAPES.match(sql, max(0, quote - 2)) else quote


def _words(sql: str, *, nested: bool) -> list[str]:
    """Return the first words of a statement, up to the third and to what is no word, comments left out."""
    words: list[str] = []
    at = _after_blanks(sql, 0, nested=nested)
    while len(words) < 3 and (word := _WORD.match(sql, at)):
        words.append(word.group().upper())
        at = _after_blanks(sql, word.end(), nested=nested)
    return words


def _after_blanks(sql: str, at: int, *, nested: bool) -> int:
    while at < len(sql):
        if blank := _SPACE.match(sql, at) or _LINES[nested].match(sql, at):
            at = blank.end()
        elif sql.startswith("/*", at):
            at = _after_comment(sql, at, nested=nested)
        else:
            break
    return at


def _after_comment(sql: str, at: int, *, nested: bool) -> int:
    """Return where the comment that begins at `at` is over; one without an end lasts to the end."""
    depth, at = 1, at + 2
    marks = _MARKS if nested else _END
    while depth and (mark := marks.search(sql, at)):
        depth += 1 if mark.group() == "/*" else -1
        at = mark.end()
    return len(sql) if depth else at
