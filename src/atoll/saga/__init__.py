"""Durable work across services: named steps, a journal, compensation, timers, resumption after a crash."""

from atoll.saga.declare import definition_of, is_saga, saga
from atoll.saga.engine import SagaEngine
from atoll.saga.errors import (
    EventMissing,
    KeyReused,
    LeaseLost,
    NotDecidable,
    SagaError,
    SagaFailed,
    SagaGivenUp,
    SagaParked,
    SagaRunning,
    SagaUnknown,
)
from atoll.saga.rows import Decision, SagaRow, StepRow
from atoll.saga.steps import Saga

__all__ = [
    "Decision",
    "EventMissing",
    "KeyReused",
    "LeaseLost",
    "NotDecidable",
    "Saga",
    "SagaEngine",
    "SagaError",
    "SagaFailed",
    "SagaGivenUp",
    "SagaParked",
    "SagaRow",
    "SagaRunning",
    "SagaUnknown",
    "StepRow",
    "definition_of",
    "is_saga",
    "saga",
]
