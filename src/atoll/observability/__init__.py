"""Logs, metrics and traces of a service, as hooks over everything below; nothing below imports it."""

from atoll.observability.facade import Observability, observe
from atoll.observability.logs import configure_logging, log_as
from atoll.observability.metrics import Metrics
from atoll.observability.records import RequestFinished, RequestStarted
from atoll.observability.tracing import Tracing

__all__ = [
    "Metrics",
    "Observability",
    "RequestFinished",
    "RequestStarted",
    "Tracing",
    "configure_logging",
    "log_as",
    "observe",
]
