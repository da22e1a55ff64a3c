"""An event on its way: a CloudEvents 1.0 record in binary mode (headers beside the JSON data)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, TypeVar
from urllib.parse import quote, unquote

import msgspec

from atoll.contracts.event import Event, ordering_key
from atoll.core.context import Context
from atoll.core.ids import new_id

E = TypeVar("E", bound=Event)
EventClass = type[E]

_PRINTABLE: Final = "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
"""What travels in a header as it is; the rest is percent-encoded (CloudEvents HTTP binding §3.1.3.2)."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One published event. `id` is unique for ever and the same on every delivery; `key` orders, if not empty.

    `data` is the event as JSON; `time` seconds since the epoch when it was emitted; `source` the service that
    did; `causation` the id of the message or saga step it came from, if any.
    """

    id: str
    type: str
    source: str
    time: float
    key: str = ""
    data: bytes = b"{}"
    traceparent: str = ""
    request_id: str = ""
    causation: str = ""

    def headers(self) -> dict[str, str]:
        """Return everything but the data as CloudEvents headers."""
        required = {
            "ce-specversion": "1.0",
            "ce-id": self.id,
            "ce-type": self.type,
            "ce-source": self.source,
            "ce-time": datetime.fromtimestamp(self.time, UTC).isoformat(),
            "content-type": "application/json",
        }
        optional = {
            "ce-subject": self.key,
            "traceparent": self.traceparent,
            "ce-requestid": self.request_id,
            "ce-causationid": self.causation,
        }
        headers = required | {name: value for name, value in optional.items() if value}
        return {name: quote(value, safe=_PRINTABLE) for name, value in headers.items()}

    @classmethod
    def from_headers(cls, headers: Mapping[str, str], data: bytes) -> Message:
        """Read what `headers` wrote. Raises ValueError naming the first header that is missing or malformed."""
        for name in ("ce-id", "ce-type", "ce-source", "ce-time"):
            if not headers.get(name):
                raise ValueError(f"the message has no {name} header, so it is not a CloudEvent")
        plain = {name: unquote(value) if "%" in value else value for name, value in headers.items()}
        return cls(
            id=plain["ce-id"],
            type=plain["ce-type"],
            source=plain["ce-source"],
            time=_seconds(plain["ce-time"]),
            key=plain.get("ce-subject", ""),
            data=data,
            traceparent=plain.get("traceparent", ""),
            request_id=plain.get("ce-requestid", ""),
            causation=plain.get("ce-causationid", ""),
        )

    def decode(self, event: EventClass[E]) -> E:
        """Return the data as `event`. Raises msgspec.ValidationError or DecodeError when it does not fit."""
        return msgspec.json.decode(self.data, type=event)


def message_of(event: Event, *, source: str, context: Context, time: float, causation: str = "") -> Message:
    """Wrap `event` for the outbox, under a new id and with the trace of `context`."""
    return Message(
        id=new_id(),
        type=event.event_type,
        source=source,
        time=time,
        key=ordering_key(event),
        data=msgspec.json.encode(event),
        traceparent=context.trace.traceparent,
        request_id=context.request_id,
        causation=causation,
    )


def _seconds(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise ValueError(f"the message's ce-time header {text!r} is not a time of RFC 3339") from error
