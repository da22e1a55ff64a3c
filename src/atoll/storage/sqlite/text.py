"""SQL as SQLite's driver takes it quickest: `$1` written as `?1`, whose argument is found by its place.

For each `$1` the driver would ask a dictionary for the name, by which an insert of twelve columns took a third longer.
https://docs.python.org/3/library/sqlite3.html#sqlite3-placeholders
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from atoll.storage.errors import StatementFailed

_TOKEN: Final = re.compile(
    r"""
    '[^']*' | "[^"]*" | `[^`]*` | \[[^\]]*\]                   # text and quoted names, in which a doubled quote is two
    | --[^\n]* | /\*.*?(?:\*/|\Z)                              # comments
    | [A-Za-z_\x80-\U0010FFFF][\w$\x80-\U0010FFFF]*            # words, which may have a $ in them
    | [?$:@](?P<place>[0-9]+)(?![\w$\x80-\U0010FFFF])          # what an argument stands for
    | (?P<other>[?$:@][\w$\x80-\U0010FFFF]*)
    """,
    re.DOTALL | re.VERBOSE,
)
"""Source: https://www.sqlite.org/lang_expr.html#varparam"""


class Text(NamedTuple):
    """SQL with `?1` placeholders. `inserts`: it can be repeated by the driver, which takes nothing that only reads."""

    sql: str
    inserts: bool


@lru_cache(maxsize=1024)
def text_of(sql: str) -> Text:
    """Return SQL with `$1` placeholders as the driver takes it. Raises StatementFailed for another placeholder."""
    return Text(_TOKEN.sub(_written, sql), sql.lstrip()[:6].upper() == "INSERT")


def _written(token: re.Match[str]) -> str:
    if token["other"]:
        raise StatementFailed(
            f"{token['other']!r} stands for no argument; write $1, $2, …, in: {' '.join(token.string.split())[:200]}"
        )
    return f"?{token['place']}" if token["place"] else token[0]
