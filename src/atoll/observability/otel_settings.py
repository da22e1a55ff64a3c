"""Whether and where spans go, from the standard `OTEL_*` variables.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and the same for the OTLP exporter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from atoll.core import SettingsError

_SAMPLERS: Final[dict[str, float | None]] = {
    "always_on": 1.0,
    "always_off": 0.0,
    "traceidratio": None,
    "parentbased_always_on": 1.0,
    "parentbased_always_off": 0.0,
    "parentbased_traceidratio": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OTelSettings:
    """`endpoint` is the full URL that takes OTLP/HTTP traces, empty for no export; `ratio` of new traces sampled.

    A trace that comes in with a request keeps its caller's decision, whatever the sampler. Headers, TLS, timeouts,
    compression, batches and resource attributes are read by the exporter itself, from the process's environment.
    """

    endpoint: str = ""
    ratio: float = 0.0

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> OTelSettings:
        """Read `OTEL_*` from `environ`. Raises SettingsError naming every wrong one."""
        endpoint = _endpoint(environ)
        if not endpoint or _is_off(environ):
            return cls()
        problems: list[str] = []
        _check_export(environ, endpoint, problems)
        ratio = _ratio(environ, problems)
        if problems:
            raise SettingsError(problems)
        return cls(endpoint=endpoint, ratio=ratio)


def _endpoint(environ: Mapping[str, str]) -> str:
    base = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/")
    return environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "") or (f"{base}/v1/traces" if base else "")


def _is_off(environ: Mapping[str, str]) -> bool:
    disabled = environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return disabled or environ.get("OTEL_TRACES_EXPORTER") == "none"


def _check_export(environ: Mapping[str, str], endpoint: str, problems: list[str]) -> None:
    if (exporter := environ.get("OTEL_TRACES_EXPORTER") or "otlp") != "otlp":
        problems.append(f"OTEL_TRACES_EXPORTER is {exporter!r}, but must be otlp or none")
    url = urlsplit(endpoint)
    if url.scheme not in ("http", "https") or not url.hostname:
        problems.append(f"the OTLP endpoint is {endpoint!r}, but must be a URL that begins with http:// or https://")
    general = environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") or "http/protobuf"
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or general
    if protocol != "http/protobuf":
        problems.append(
            f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}, but only http/protobuf is spoken; "
            "use the collector's HTTP port, which is usually 4318"
        )


def _ratio(environ: Mapping[str, str], problems: list[str]) -> float:
    sampler = environ.get("OTEL_TRACES_SAMPLER") or "parentbased_always_on"
    if sampler not in _SAMPLERS:
        problems.append(f"OTEL_TRACES_SAMPLER is {sampler!r}, but must be one of {', '.join(_SAMPLERS)}")
        return 0.0
    if (fixed := _SAMPLERS[sampler]) is not None:
        return fixed
    return _ratio_argument(environ.get("OTEL_TRACES_SAMPLER_ARG") or "1.0", problems)


def _ratio_argument(text: str, problems: list[str]) -> float:
    try:
        ratio = float(text)
    except ValueError:
        ratio = -1.0
    if not 0.0 <= ratio <= 1.0:
        problems.append(f"OTEL_TRACES_SAMPLER_ARG is {text!r}, but must be a number from 0 to 1")
    return ratio
