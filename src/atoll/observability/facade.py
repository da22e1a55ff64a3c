"""One call that makes a service observable."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from types import TracebackType

from prometheus_client import CollectorRegistry

from atoll.core import Clock, Hooks, SystemClock
from atoll.observability.metrics import Metrics
from atoll.observability.otel_settings import OTelSettings
from atoll.observability.tracing import Tracing, otlp_exporter


class Observability:
    """The metrics and, where an endpoint is set, the spans of one service; closing sends what spans are left."""

    def __init__(self, metrics: Metrics, tracing: Tracing | None, ratio: float, chance: Callable[[], float]) -> None:
        self.metrics = metrics
        self._tracing, self._ratio, self._chance = tracing, ratio, chance

    def sample(self) -> bool:
        """Decide for a trace that begins here whether it is recorded; False at once where none is exported."""
        return self._ratio > 0.0 and self._chance() < self._ratio

    async def close(self) -> None:
        """Flush spans. Idempotent; takes some seconds at most when the collector does not answer."""
        tracing, self._tracing = self._tracing, None
        if tracing is not None:
            await tracing.close()

    async def __aenter__(self) -> Observability:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


def observe(
    hooks: Hooks,
    *,
    service: str,
    registry: CollectorRegistry,
    environ: Mapping[str, str],
    instance: str = "0",
    version: str = "",
    clock: Clock | None = None,
    chance: Callable[[], float] = random.random,
) -> Observability:
    """Count and trace what `hooks` emits from now on, as the standard `OTEL_*` variables in `environ` say.

    Raises SettingsError naming every variable that is wrong. Without an OTLP endpoint OpenTelemetry is not imported.
    """
    settings = OTelSettings.read(environ)
    metrics = Metrics(registry, service)
    metrics.subscribe(hooks)
    tracing: Tracing | None = None
    if settings.endpoint:
        exporter = otlp_exporter(settings.endpoint, service=service, instance=instance, version=version)
        tracing = Tracing(exporter, clock or SystemClock())
        tracing.subscribe(hooks)
    return Observability(metrics, tracing, settings.ratio, chance)
