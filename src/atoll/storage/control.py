"""Statements that begin or end transactions are the unit of work's alone."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from atoll.storage.errors import StatementFailed

_WORDS: Final = frozenset({"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT"})


def refuse_control(sql: str) -> None:
    """Raise StatementFailed for a statement that would begin or end a transaction, whose end others may share.

    Savepoints may be used.
    """
    if _is_control(sql):
        raise StatementFailed(
            f"{' '.join(sql.split())[:40]!r} is no statement for a unit of work, which begins and ends by itself: "
            "leave the block, with an error to undo it"
        )


@lru_cache(maxsize=1024)
def _is_control(sql: str) -> bool:
    words = sql.replace(";", " ").upper().split(None, 3)
    return bool(words) and words[0] in _WORDS and not (words[0] == "ROLLBACK" and "TO" in words[1:3])
