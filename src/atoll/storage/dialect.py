"""What differs between SQL dialects, so that the toolkit's SQL is written once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One dialect. `fills` are the words for what scripts name in braces:

    - `{serial}`: a whole-number primary key that the database counts up;
    - `{keyed}`: after a table's closing parenthesis, when rows are found by primary key only;
    - `{updated}`: there too, when rows are often updated in columns that no index has.

    Everything else is written so that each dialect takes it: TEXT, BIGINT, DOUBLE PRECISION, BYTEA and BOOLEAN are
    whole words for the same thing in all of them. `has_table` asks whether there is a table of the name $1.
    """

    name: Literal["sqlite", "postgresql"]
    fills: Mapping[str, str]
    members: str
    has_table: str

    def fill(self, script: str) -> str:
        """Return `script` with the words in braces filled in; other braces stay."""
        for name, words in self.fills.items():
            script = script.replace(f"{{{name}}}", words)
        return script

    def one_of(self, place: str, kind: Literal["TEXT", "BIGINT"] = "TEXT") -> str:
        """Return the condition that a value is one of those in `place` (`$2`), whose argument is a list of `kind`."""
        return f"IN ({self.members.format(place=place, kind=kind)})"
