"""What a unit of work takes for a statement that begins or ends a transaction, whatever stands before and within it."""

import sqlite3

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atoll.storage.control import refuse_control
from atoll.storage.errors import StatementFailed

CONTROL = (
    "BEGIN",
    "START TRANSACTION",
    "COMMIT",
    "end",
    "Rollback",
    "ABORT",
    "COMMIT WORK AND CHAIN",
    "COMMIT PREPARED 'x'",
    "PREPARE TRANSACTION 'x'",
    "ROLLBACK -- TO",
    "ROLLBACK; -- TO x",
    "DELETE FROM things; COMMIT",
    "SELECT ';'; END; BEGIN",
    "SELECT 1 -- ;\n; /* x */ ROLLBACK",
    "SELECT $1, $$ ; $$, $a$ $$; $a$, E'\\';' ; ABORT",
    "SELECT size'\\'; COMMIT",
    "CREATE TABLE t (id BIGINT); COMMIT",
)
ALLOWED = (
    "SELECT 1",
    "SAVEPOINT here",
    "ROLLBACK TO here",
    "ROLLBACK TRANSACTION TO SAVEPOINT here",
    "ROLLBACK/**/WORK/* to */TO here",
    "RELEASE here",
    "PREPARE x AS SELECT 1",
    "SELECT 1 -- COMMIT",
    "UPDATE commits SET begin = 1",
    "endow",
    "SELECT 1; SELECT 2;",
    "INSERT INTO notes VALUES ('; COMMIT', '''; COMMIT', E'\\'; COMMIT') -- ; COMMIT",
    'SELECT "; COMMIT", $1 /* ; COMMIT */',
    "DO $$ BEGIN PERFORM 1; COMMIT; END $$",
    "DO $a$ BEGIN PERFORM '$$'; ROLLBACK; END $a$",
    "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; END",
    "",
)


def _pairs(text: str) -> set[str]:
    return {text[at : at + 2] for at in range(len(text))}


texts = st.text(alphabet="ab *-/\n;'\"", max_size=8)
flat = (
    texts.map(lambda text: text.strip("*/")).filter(lambda text: not {"*/", "/*"} & _pairs(text)).map("/*{}*/".format)
)
nested = st.recursive(flat, lambda inner: st.tuples(inner, inner).map(lambda two: f"/* {two[0]}{two[1]} */"))
lines = texts.map(lambda text: f"--{''.join(text.splitlines())}\n")
blanks = st.sampled_from([" ", "\t", "\n", "\r\n", "\f", ";", " ; ", "\ufeff"])
PREFIXES = st.lists(blanks | flat | lines, max_size=5).map("".join)


@pytest.mark.parametrize("control", CONTROL)
@given(before=PREFIXES | nested, after=st.sampled_from(["", ";", " ", "/* x */", "-- x", "--x\n;"]))
@example(before="/* x */ ", after="")
@example(before="-- x\n", after="")
@example(before="/* a /* nested */ b */", after="")
@example(before="; ;", after="")
@example(before="-- x\r", after="")
def test_a_control_statement_is_refused_whatever_comments_stand_around_it(
    control: str, before: str, after: str
) -> None:
    with pytest.raises(StatementFailed):
        refuse_control(f"{before}{control}{after}")


@pytest.mark.parametrize("allowed", ALLOWED)
@given(before=PREFIXES)
def test_any_other_statement_is_let_through_whatever_comments_stand_before_it(allowed: str, before: str) -> None:
    refuse_control(f"{before}{allowed}")


@given(before=st.text(alphabet="/*- \n\r;x\ufeff", max_size=12))
@example(before="/* /* */")
@example(before="-- x\rSELECT 1\n")
def test_what_ends_a_transaction_of_sqlite_is_refused(before: str) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.execute("BEGIN")
        connection.execute(f"{before}COMMIT")
    except (sqlite3.Error, sqlite3.Warning):
        pass
    ended = not connection.in_transaction
    connection.close()
    if ended:
        with pytest.raises(StatementFailed):
            refuse_control(f"{before}COMMIT")
