"""What a log line says, and its two forms: JSON for machines, text for a terminal."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

import msgspec

from atoll.core import context as contexts

_FIXED: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_HEAD: Final = frozenset(
    {"ts", "level", "logger", "service", "instance", "msg", "trace_id", "request_id", "exception", "stack"}
)
_COLOURS: Final = {"DEBUG": "2", "INFO": "32", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}
_ESCAPES: Final = {code: f"\\x{code:02x}" for code in [*range(32), *range(127, 160)] if chr(code) not in "\n\t"}

_tracebacks = logging.Formatter()
_encoder = msgspec.json.Encoder(enc_hook=repr)


def fields_of(record: logging.LogRecord, service: str, instance: str) -> dict[str, Any]:
    """Return the fields of a line, in the order they are written.

    `ts` is seconds since the epoch. `trace_id` and `request_id` stand only where there is a context. What was
    given as `extra` follows under its own name, with `_` behind it where that name is ours.
    """
    line: dict[str, Any] = {
        "ts": record.created,
        "level": record.levelname,
        "logger": record.name,
        "service": service,
        "instance": instance,
        "msg": record.getMessage(),
    }
    if (context := contexts.find()) is not None:
        line["trace_id"] = context.trace.trace_id
        line["request_id"] = context.request_id
    for name, value in vars(record).items():
        if name not in _FIXED:
            line[f"{name}_" if name in _HEAD else name] = value
    if record.exc_info and record.exc_info[0]:
        line["exception"] = _tracebacks.formatException(record.exc_info)
    if record.stack_info:
        line["stack"] = record.stack_info
    return line


def json_line(fields: Mapping[str, Any]) -> str:
    """Return `fields` as one line of JSON. What JSON cannot hold is written as its `repr`; no line is lost."""
    try:
        return _encoder.encode(fields).decode()
    except (TypeError, ValueError, RecursionError):
        return json.dumps({name: _plain(value) for name, value in fields.items()})


def text_line(fields: Mapping[str, Any], *, colour: bool) -> str:
    """Return `fields` for a person to read: the message first, ids shortened, a traceback on lines of its own.

    Control characters are escaped, so that what users send cannot move the cursor or fake a line.
    """
    extra = {name: value for name, value in fields.items() if name not in _HEAD}
    details = "".join(f"  {name}={_shown(value)}" for name, value in extra.items())
    parts = [
        _dim(_time(fields), colour),
        _level(str(fields.get("level", "")), colour),
        _origin(fields),
        _indented(str(fields.get("msg", ""))) + details + _dim(_ids(fields), colour),
    ]
    traceback = "".join(f"\n    {_indented(str(fields[name]))}" for name in ("exception", "stack") if name in fields)
    return "  ".join(parts) + traceback


def _origin(fields: Mapping[str, Any]) -> str:
    """The service, and which of its replicas if there are several."""
    service, instance = fields.get("service", ""), fields.get("instance", "0")
    return f"{service}" if instance == "0" else f"{service}-{instance}"


def _plain(value: Any) -> str | int | float:
    return value if isinstance(value, str | int) or (isinstance(value, float) and isfinite(value)) else repr(value)


def _time(fields: Mapping[str, Any]) -> str:
    ts = float(fields.get("ts", 0.0))
    return f"{time.strftime('%H:%M:%S', time.localtime(ts))}.{int(ts * 1000) % 1000:03d}"


def _level(name: str, colour: bool) -> str:
    padded = f"{name:<7}"
    return f"\x1b[{_COLOURS[name]}m{padded}\x1b[0m" if colour and name in _COLOURS else padded


def _ids(fields: Mapping[str, Any]) -> str:
    """The ends that tell ids apart: a trace id is random all over, a request id only at its end."""
    trace, request = str(fields.get("trace_id", ""))[:8], str(fields.get("request_id", ""))[-8:]
    return _indented(f"  trace={trace} request={request}") if trace else ""


def _shown(value: Any) -> str:
    text = _indented(str(value))
    return repr(text) if not text or any(each.isspace() for each in text) else text


def _indented(text: str) -> str:
    return text.translate(_ESCAPES).replace("\n", "\n    ")


def _dim(text: str, colour: bool) -> str:
    return f"\x1b[2m{text}\x1b[0m" if colour and text else text
