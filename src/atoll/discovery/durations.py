"""Durations as Consul writes them: Go's notation, such as `10s`, `1m30s` and `250ms`.

Source: https://pkg.go.dev/time#ParseDuration
"""

from __future__ import annotations

import re
from typing import Final

MAX_SECONDS: Final = (2**63 - 1) / 1e9
"""Go keeps a duration in 64 bits of nanoseconds."""

_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)"
_WHOLE: Final = re.compile(f"(?:{_PART})+")


def parse_duration(value: str | int | float) -> float:
    """Return the seconds that `value` says; a number counts nanoseconds, as in Consul's JSON.

    Raises ValueError for anything else, and for one that is negative or longer than Go can hold.
    """
    seconds = _seconds(value) if isinstance(value, str) else value / 1e9
    if not 0 <= seconds <= MAX_SECONDS:
        raise ValueError(f"invalid duration {_shown(value)}")
    return seconds


def format_duration(seconds: float) -> str:
    """Return `seconds` in the notation that `parse_duration` reads, to the millisecond."""
    return f"{round(seconds * 1000)}ms"


def _seconds(text: str) -> float:
    if text == "0":
        return 0.0
    if len(text) > 100 or not _WHOLE.fullmatch(text):
        raise ValueError(f"invalid duration {_shown(text)}")
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, text))


def _shown(value: str | int | float) -> str:
    return repr(value) if len(repr(value)) <= 40 else f"{repr(value)[:40]}…"
