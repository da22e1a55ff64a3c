"""`$1` as SQLite's driver is given it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from atoll.storage import StatementFailed
from atoll.storage.sqlite.text import text_of


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("sql", "row"),
    [
        ("SELECT $1, $2, $1", ("a", "b", "a")),
        ("SELECT $2, $1", ("b", "a")),
        ("SELECT $2", ("b",)),
        ("SELECT $1||$2", ("ab",)),
    ],
)
def test_an_argument_stands_wherever_its_number_does(
    connection: sqlite3.Connection, sql: str, row: tuple[str, ...]
) -> None:
    args = ("a", "b")
    assert connection.execute(text_of(sql).sql, args).fetchone() == row


def test_a_number_may_have_more_than_one_digit(connection: sqlite3.Connection) -> None:
    sql = f"SELECT {', '.join(f'${place}' for place in range(12, 0, -1))}"
    assert connection.execute(text_of(sql).sql, range(1, 13)).fetchone() == tuple(range(12, 0, -1))


@pytest.mark.parametrize(
    "written",
    [
        "'$1'",
        "'it''s $1'",
        '"a $1"',
        "`a $1`",
        "[a $1]",
        "a$1",
        "é$1",
        "1 -- costs $1\n",
        "1 /* costs $1, :a\n and ? */",
        "1 -- it's $1\n, '$1'",
        "1 /* $1",
    ],
)
def test_text_names_and_comments_stay_as_they_are(written: str) -> None:
    assert text_of(f"SELECT {written}").sql == f"SELECT {written}"


@pytest.mark.parametrize("wrong", ["?", ":name", "@name", "$name", "$1st", "$"])
def test_a_placeholder_of_another_kind_is_refused_with_those_that_are(wrong: str) -> None:
    with pytest.raises(StatementFailed, match=r"stands for no argument; write \$1, \$2, …, in: SELECT"):
        text_of(f"SELECT {wrong}")


@pytest.mark.parametrize(
    ("sql", "inserts"),
    [("\n  insert INTO t VALUES ($1)", True), ("SELECT 'INSERT'", False), ("UPDATE t SET a = $1", False)],
)
def test_only_inserts_are_repeated_by_the_driver(sql: str, inserts: bool) -> None:
    assert text_of(sql).inserts is inserts
