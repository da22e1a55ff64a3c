"""What a revision file does most often: run a script, written once for both engines."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from typing import Final, Literal

from atoll.storage.dialect import Dialect

_TOKENS: Final = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|(?P<tag>\$\w*\$).*?(?P=tag)|(?P<end>;)", re.DOTALL
)


def script(sql: str) -> None:
    """Run SQL statements separated by `;` in the revision that is being applied, or print them with `--sql`.

    `{serial}` and its kin are filled in, as in a service's `schema`. Only to be called in `upgrade`; what is more than
    SQL stands in Alembic's own operations, `from alembic import op`.
    """
    from alembic import op

    dialect = dialect_of(op.get_context().dialect.name)
    if dialect.name == "postgresql":
        from atoll.storage.postgres.engine import check_types

        check_types(sql)
    for statement in statements_of(dialect.fill(sql), dialect.name):
        run_statement(statement)


def run_statement(statement: str) -> None:
    """Run one statement as it stands: a colon in it is no parameter."""
    from alembic import op

    context = op.get_context()
    if context.as_sql:
        context.impl.static_output(f"{statement};\n")
    else:
        op.get_bind().exec_driver_sql(statement)


def statements_of(sql: str, dialect: Literal["sqlite", "postgresql"]) -> Iterator[str]:
    """Cut a script at the `;` between its statements, not at those within texts, comments, functions and triggers."""
    begin = 0
    for token in _TOKENS.finditer(f"{sql}\n;"):
        whole = token["end"] and (dialect == "postgresql" or _complete(sql[begin : token.start()]))
        if whole:
            if statement := sql[begin : token.start()].strip():
                yield statement
            begin = token.end()


def _complete(statement: str) -> bool:
    """SQLite knows where a trigger ends."""
    return sqlite3.complete_statement(f"{statement};") or not statement.strip()


def dialect_of(name: str) -> Dialect:
    """Return the toolkit's words for one of SQLAlchemy's dialects."""
    if name == "postgresql":
        from atoll.storage.postgres.dialect import DIALECT

        return DIALECT
    from atoll.storage.sqlite.dialect import DIALECT as SQLITE

    return SQLITE
