"""Durable work across services: named steps, a journal, compensation, resumption after a crash."""

from atoll.saga.declare import definition_of, is_saga, saga
from atoll.saga.engine import SagaEngine
from atoll.saga.errors import KeyReused, LeaseLost, SagaError, SagaFailed, SagaGivenUp, SagaParked, SagaRunning
from atoll.saga.journal import SagaRow, StepRow
from atoll.saga.steps import Saga

__all__ = [
    "KeyReused",
    "LeaseLost",
    "Saga",
    "SagaEngine",
    "SagaError",
    "SagaFailed",
    "SagaGivenUp",
    "SagaParked",
    "SagaRow",
    "SagaRunning",
    "StepRow",
    "definition_of",
    "is_saga",
    "saga",
]
