"""A script is cut between its statements and nowhere else."""

from __future__ import annotations

from typing import Literal

import pytest

from atoll.migrations.operations import statements_of

BOTH: list[Literal["sqlite", "postgresql"]] = ["sqlite", "postgresql"]


@pytest.mark.parametrize("dialect", BOTH)
def test_statements_are_cut_at_semicolons(dialect: Literal["sqlite", "postgresql"]) -> None:
    assert [*statements_of("CREATE TABLE a (x TEXT);\n\nDROP TABLE b", dialect)] == [
        "CREATE TABLE a (x TEXT)",
        "DROP TABLE b",
    ]


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    "statement", ["SELECT 'a;b''c;'", 'SELECT 1 AS "a;b"', "SELECT 1 -- a;\n+ 1", "SELECT 1 /* a; */ + 1"]
)
def test_a_semicolon_in_a_text_a_name_or_a_comment_ends_nothing(
    statement: str, dialect: Literal["sqlite", "postgresql"]
) -> None:
    assert [*statements_of(f"{statement};\n{statement};", dialect)] == [statement, statement]


def test_a_function_of_postgresql_is_one_statement() -> None:
    function = "CREATE FUNCTION f() RETURNS trigger AS $body$ BEGIN a; RETURN NULL; END $body$ LANGUAGE plpgsql"
    assert [*statements_of(f"{function}; SELECT 1", "postgresql")] == [function, "SELECT 1"]


def test_a_trigger_of_sqlite_is_one_statement() -> None:
    trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; DELETE FROM c; END"
    assert [*statements_of(f"{trigger}; SELECT 1;", "sqlite")] == [trigger, "SELECT 1"]


@pytest.mark.parametrize("dialect", BOTH)
def test_an_empty_script_has_no_statement(dialect: Literal["sqlite", "postgresql"]) -> None:
    assert [*statements_of(" ;\n; ", dialect)] == []
