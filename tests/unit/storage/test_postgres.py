"""The pure parts of the PostgreSQL engine: URLs, settings, error codes, words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.core.errors import SettingsError
from atoll.storage import (
    ConnectionLost,
    ConstraintViolated,
    DiskFailed,
    StatementFailed,
    StorageError,
    TransactionConflict,
    ValueRefused,
)
from atoll.storage.postgres.address import POOL_SIZE, Address
from atoll.storage.postgres.dialect import DIALECT
from atoll.storage.postgres.engine import check_types, number
from atoll.storage.postgres.errors import translated
from atoll.storage.postgres.opening import LOSSY, creation, setting_problems, version_problems
from atoll.storage.postgres.session import changed
from atoll.storage.sqlite.dialect import DIALECT as SQLITE
from atoll.storage.tables import TABLES


def test_a_url_is_taken_apart_and_its_password_never_shown() -> None:
    address = Address.parse("postgresql://ada:s%40fe@db.example:5433/shop_order?sslmode=require")
    assert (address.user, address.database, address.pool_size) == ("ada", "shop_order", POOL_SIZE)
    assert address.shown == "postgresql://db.example:5433/shop_order"
    assert "s%40fe" in address.dsn
    assert "sslmode=require" in address.dsn


def test_the_size_of_the_pool_is_ours_and_not_told_to_the_driver() -> None:
    address = Address.parse("postgresql://ada@localhost/shop?pool=12")
    assert (address.pool_size, address.dsn) == (12, "postgresql://ada@localhost/shop")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://ada:secret@localhost", "names no database"),
        ("postgresql://ada:secret@localhost/", "names no database"),
        ("postgresql://ada:secret@localhost:port/shop", "port"),
        ("postgresql://ada:secret@localhost:99999/shop", "ort"),
        ("postgresql://ada:secret@localhost/shop?pool=0", "pool=0 must be 1 or more"),
        ("postgresql://ada:secret@localhost/shop?pool=many", "pool=many"),
    ],
)
def test_a_wrong_url_is_refused_without_telling_its_password(url: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why) as raised:
        Address.parse(url)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (asyncpg.SerializationError("x"), TransactionConflict),
        (asyncpg.DeadlockDetectedError("x"), TransactionConflict),
        (asyncpg.InvalidCachedStatementError("x"), TransactionConflict),
        (asyncpg.UniqueViolationError("x"), ConstraintViolated),
        (asyncpg.CheckViolationError("x"), ConstraintViolated),
        (asyncpg.NumericValueOutOfRangeError("x"), ValueRefused),
        (asyncpg.DiskFullError("x"), DiskFailed),
        (asyncpg.PostgresIOError("x"), DiskFailed),
        (asyncpg.PostgresSyntaxError("x"), StatementFailed),
        (asyncpg.AdminShutdownError("x"), ConnectionLost),
        (asyncpg.TooManyConnectionsError("x"), ConnectionLost),
        (asyncpg.IdleInTransactionSessionTimeoutError("x"), ConnectionLost),
        (asyncpg.ConnectionDoesNotExistError("x"), ConnectionLost),
        (asyncpg.InterfaceError("connection is closed"), ConnectionLost),
        (asyncpg.InterfaceError("another operation is in progress"), StatementFailed),
        (ConnectionResetError("x"), ConnectionLost),
    ],
)
def test_each_error_of_the_driver_has_its_meaning(error: Exception, kind: type[StorageError]) -> None:
    assert type(translated(error, "SELECT 1")) is kind


def test_what_clients_may_see_shows_no_sql() -> None:
    assert "secret" not in str(translated(asyncpg.UniqueViolationError("duplicate key"), "SELECT secret"))
    assert "secret" not in str(translated(asyncpg.SerializationError("conflict"), "SELECT secret"))


@pytest.mark.parametrize("name", sorted(LOSSY))
def test_a_setting_that_loses_data_is_told_with_the_name_that_accepts_it(name: str) -> None:
    risk = LOSSY[name][1]
    (problem,) = setting_problems({name: "off"}, frozenset())
    assert f"{name} is off" in problem
    assert f"ATOLL_UNSAFE={risk}" in problem
    assert not [*setting_problems({name: "off"}, {risk})]


def test_every_problem_is_told_at_once() -> None:
    settings = {"server_encoding": "SQL_ASCII", "fsync": "off", "synchronous_commit": "off"}
    assert len([*setting_problems(settings, frozenset())]) == 3


def test_a_server_that_is_too_old_is_told() -> None:
    assert not [*version_problems(13)]
    assert "12, but 13 or newer" in "".join(version_problems(12))


def test_a_created_database_has_its_name_quoted_and_sorts_by_code_point() -> None:
    assert creation('a"b', 13) == """CREATE DATABASE "a""b" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"""
    assert creation("a", 15).endswith("LOCALE_PROVIDER libc")


@pytest.mark.parametrize(
    ("tag", "rows"),
    [("INSERT 0 1", 1), ("UPDATE 12", 12), ("DELETE 0", 0), ("SELECT 5", 0), ("CREATE TABLE", 0), ("BEGIN", 0)],
)
def test_the_number_of_changed_rows_is_read_from_the_command_tag(tag: str, rows: int) -> None:
    assert changed(tag) == rows


@pytest.mark.parametrize("script", ["a REAL", "CREATE TABLE t (a TEXT, b real NOT NULL)", 'x (\n  "a" REAL\n)'])
def test_a_type_with_too_few_digits_is_refused(script: str) -> None:
    with pytest.raises(StatementFailed, match="DOUBLE PRECISION"):
        check_types(script)


@pytest.mark.parametrize("script", [TABLES, "a FLOAT4", "surreal TEXT", "note TEXT DEFAULT 'for real'"])
def test_other_types_are_not_refused(script: str) -> None:
    check_types(script)


@given(st.integers())
def test_a_whole_number_is_read_as_one(value: int) -> None:
    assert number(str(value)) == value
    assert type(number(str(value))) is int


@pytest.mark.parametrize("text", ["1.50", "-0.1", "NaN", "Infinity"])
def test_a_number_with_a_point_is_read_exactly(text: str) -> None:
    assert repr(number(text)) == repr(Decimal(text))


@pytest.mark.parametrize("dialect", [DIALECT, SQLITE])
def test_a_dialect_fills_its_own_words_and_leaves_other_braces(dialect: Any) -> None:
    assert "{" not in dialect.fill(TABLES)
    assert dialect.fill("DEFAULT '{\"a\": {}}'") == "DEFAULT '{\"a\": {}}'"
