"""What the caller of a saga is told of its end."""

from __future__ import annotations

from typing import Any

import msgspec

from atoll.contracts import UnknownProblem
from atoll.core.errors import http_status
from atoll.saga.declare import SagaDefinition
from atoll.saga.errors import KeyReused, SagaFailed, SagaGivenUp, SagaParked, SagaRunning
from atoll.saga.failures import error_from
from atoll.saga.rows import ENDED, SagaRow


def outcome_of(definition: SagaDefinition, asked: SagaRow, row: SagaRow | None) -> Any:
    """Return the result of the saga in `row`, or raise what it ended with, to who has `asked`."""
    if row is None or row.status not in ENDED:
        raise running(asked.id)
    if row.input != asked.input:
        raise KeyReused(row.id, "this idempotency key was used for another request; use a new key")
    if row.status == "completed":
        return msgspec.json.decode(row.result or "null", type=definition.result)
    if row.status == "parked":
        raise SagaParked(row.id, f"saga {row.id} is parked until an operator decides")
    problem = error_from(row.cause)
    if isinstance(problem, UnknownProblem):
        raise _failure(row, problem)
    raise problem


def running(saga_id: str) -> SagaRunning:
    """Return the error of a caller whose time is up."""
    return SagaRunning(saga_id, f"saga {saga_id} is still running; ask again with the same key")


def _failure(row: SagaRow, problem: UnknownProblem) -> SagaFailed:
    if problem.received.get("status") == http_status("unavailable"):
        return SagaGivenUp(row.id, f"{problem.detail}; everything was undone, so try again later with a new key")
    return SagaFailed(row.id, f"saga {row.id} failed and was undone: {problem.detail}")
