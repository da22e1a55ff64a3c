"""Messages as RabbitMQ carries them: CloudEvents in binary mode, the attributes as headers, percent-encoded."""

from __future__ import annotations

import re
from datetime import datetime
from hashlib import sha256
from typing import Final

from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic

from atoll.contracts import Message
from atoll.core.ids import derived_id
from atoll.messaging.errors import BrokerUnusable, MessageRefused, UndecodableMessage

CONTROL_HEADER: Final = "atoll-control"
_PERSISTENT: Final = 2
_LONGEST: Final = 255
_COUNTERS: Final = ("x-delivery-count", "x-acquired-count")
_WORDS: Final = re.compile(r"[^\s.*#]+(\.[^\s.*#]+)*")
_NAME: Final = re.compile(r"[^\s.*#/]{1,100}")


def routing_key_of(event_type: str) -> str:
    """Return the routing key of an event type. Raises MessageRefused for one that AMQP cannot carry."""
    if _WORDS.fullmatch(event_type) is None or len(event_type.encode()) > _LONGEST:
        raise MessageRefused(
            f"the event type {event_type!r} cannot be a routing key: use words joined by single dots, 255 bytes at most"
        )
    return event_type


def checked_name(name: str, role: str) -> str:
    """Return `name` if queues can be named after it. Raises BrokerUnusable otherwise."""
    if _NAME.fullmatch(name) is None:
        raise BrokerUnusable(
            f"the {role} {name!r} cannot be part of a queue's name: use 1 to 100 characters without blanks or . * # /"
        )
    return name


def encode(message: Message) -> Basic.Properties:
    """Return the properties of `message`, which has the broker write it to the disk."""
    headers = message.headers()
    content_type = headers.pop("content-type")
    return Basic.Properties(
        content_type=content_type, delivery_mode=_PERSISTENT, message_type=message.type, headers={**headers}
    )


def encode_control(name: str) -> Basic.Properties:
    """Return the properties of a message by which members of a group leave word for each other."""
    return Basic.Properties(delivery_mode=_PERSISTENT, headers={CONTROL_HEADER: name})


def headers_of(delivered: DeliveredMessage) -> dict[str, str]:
    """Return the headers that are text; others are none of ours."""
    headers = delivered.header.properties.headers or {}
    return {name.lower(): value for name, value in headers.items() if isinstance(value, str)}


def decode(delivered: DeliveredMessage) -> Message:
    """Read a message. Raises UndecodableMessage, holding the data as it is, for one that is no CloudEvent."""
    try:
        return Message.from_headers(headers_of(delivered), delivered.body)
    except ValueError as error:
        raise UndecodableMessage(str(error), _remains(delivered)) from error


def times_delivered(delivered: DeliveredMessage) -> int:
    """Return how often the broker delivered this before; servers count by different headers, and not everything."""
    headers = delivered.header.properties.headers or {}
    counts = [count for count in map(headers.get, _COUNTERS) if isinstance(count, int)]
    return max(counts, default=int(bool(delivered.redelivered)))


def _remains(delivered: DeliveredMessage) -> Message:
    """What can be told of a foreign message. Without an id of its own, an identical one passes for the same."""
    properties = delivered.header.properties
    sent = properties.timestamp.timestamp() if isinstance(properties.timestamp, datetime) else 0.0
    routing_key = delivered.routing_key or ""
    content = sha256(delivered.body).hexdigest()
    return Message(
        id=derived_id(routing_key, properties.message_id or "", str(sent), content),
        type=routing_key,
        source="unknown",
        time=sent,
        data=delivered.body,
    )
