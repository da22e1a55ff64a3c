"""Logging of a process through the standard library, so that every library's lines come out alike."""

from __future__ import annotations

import logging
import os
import sys
from contextvars import ContextVar
from typing import TextIO

from atoll.observability.log_line import fields_of, json_line, text_line

_origin: ContextVar[tuple[str, str] | None] = ContextVar("atoll_log_origin", default=None)


class _Formatter(logging.Formatter):
    def __init__(self, service: str, instance: str) -> None:
        super().__init__()
        self.origin = (service, instance)

    def fields(self, record: logging.LogRecord) -> dict[str, object]:
        return fields_of(record, *(_origin.get() or self.origin))


class JSONFormatter(_Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        return json_line(self.fields(record))


class TextFormatter(_Formatter):
    """Lines for a person at a terminal."""

    def __init__(self, service: str, instance: str, *, colour: bool) -> None:
        super().__init__(service, instance)
        self.colour = colour

    def format(self, record: logging.LogRecord) -> str:
        return text_line(self.fields(record), colour=self.colour)


class _Handler(logging.StreamHandler[TextIO]):
    """Known as ours, so that a second call replaces it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """A line that cannot be written, because the disk is full or the reader gone, is lost without more lines."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def configure_logging(
    service: str,
    *,
    instance: str = "0",
    format: str = "auto",  # noqa: A002 - the name users know from logging
    level: str = "INFO",
    stream: TextIO | None = None,
) -> None:
    """Send the log of this process to `stream` (standard error) as `format`: "json", "text", or "auto".

    "auto" is text on a terminal and JSON elsewhere. Colour only on a terminal, and not under NO_COLOR. A second
    call replaces the first; handlers that others installed stay. Python's warnings are logged too.
    """
    handler = _Handler(stream or sys.stderr)
    handler.setFormatter(_formatter(service, instance, format, handler.stream))
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(True)


def log_as(service: str, instance: str = "0") -> None:
    """Name another service in the lines of this task and the tasks it starts, for several in one process."""
    _origin.set((service, instance))


def _formatter(service: str, instance: str, format: str, stream: TextIO) -> logging.Formatter:  # noqa: A002
    if format == "json" or (format == "auto" and not stream.isatty()):
        return JSONFormatter(service, instance)
    return TextFormatter(service, instance, colour=stream.isatty() and "NO_COLOR" not in os.environ)
