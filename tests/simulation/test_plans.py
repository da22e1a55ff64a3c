"""No statement of the toolkit walks through a table that grows with everything that was ever done."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

import pytest

from atoll.storage.port import Statement
from atoll.storage.rows import bind
from atoll.testing.simulation import database, replay
from tests.simulation.scenario import orders

GROWING: Final = (
    "atoll_outbox",
    "atoll_inbox",
    "atoll_replies",
    "atoll_sagas",
    "atoll_saga_steps",
    "atoll_saga_events",
)
WAITING: Final = (
    "atoll_outbox_ready",
    "atoll_outbox_held",
    "atoll_outbox_due",
    "atoll_sagas_awake",
    "atoll_sagas_asleep",
    "atoll_sagas_waiting",
    "atoll_sagas_parked",
)
"""Indexes that hold only what is not done yet."""


def test_no_statement_walks_through_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    plans: dict[str, list[str]] = {}
    run = database._run

    def explaining(connection: sqlite3.Connection, statement: Statement) -> sqlite3.Cursor:
        if statement.sql not in plans and statement.sql.lstrip().startswith(("SELECT", "UPDATE", "DELETE")):
            plans[statement.sql] = plan_of(connection, statement)
        return run(connection, statement)

    monkeypatch.setattr(database, "_run", explaining)
    replay(orders, 0)
    assert len(plans) > 20
    assert {sql: found for sql, plan in plans.items() if (found := walks(plan))} == {}


def plan_of(connection: sqlite3.Connection, statement: Statement) -> list[str]:
    args = {str(place): bind(value) for place, value in enumerate(statement.args, 1)}
    return [row[-1] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", args)]


def walks(plan: Iterable[str]) -> list[str]:
    """Return the steps of a plan that read all of a table that grows."""
    return [
        step
        for step in plan
        if step.startswith("SCAN") and step.split()[1] in GROWING and step.split()[-1] not in WAITING
    ]
