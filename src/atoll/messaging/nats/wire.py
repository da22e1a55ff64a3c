"""Messages as NATS carries them: CloudEvents in binary mode, header values percent-encoded.

Source: CloudEvents NATS protocol binding v1.0.2 §3.1, and §3.1.3.2 of the HTTP binding for the encoding.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote

from nats.aio.msg import Msg

from atoll.contracts import Message
from atoll.core.ids import derived_id
from atoll.messaging.errors import BrokerUnusable, MessageRefused, UndecodableMessage

DEDUP_HEADER: Final = "Nats-Msg-Id"
_PLAIN: Final = "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
_TOKENS: Final = re.compile(r"[^\s.*>]+(\.[^\s.*>]+)*")
_NAME: Final = re.compile(r"[^\s.*>/\\]+")


def subject_of(namespace: str, event_type: str) -> str:
    """Return the subject of an event type. Raises MessageRefused for one that NATS cannot carry."""
    if _TOKENS.fullmatch(event_type) is None:
        raise MessageRefused(f"the event type {event_type!r} cannot be a NATS subject: use words joined by single dots")
    return f"{namespace}.{event_type}"


def checked_name(name: str, role: str) -> str:
    """Return `name` if a stream or consumer can have it. Raises BrokerUnusable otherwise."""
    if _NAME.fullmatch(name) is None:
        raise BrokerUnusable(f"the {role} {name!r} cannot be a NATS name: leave out blanks and any of . * > / \\")
    return name


def encode(message: Message) -> dict[str, str]:
    """Return the headers of `message`, with its id as the one that JetStream drops repetitions by."""
    headers = {name: quote(value, safe=_PLAIN) for name, value in message.headers().items()}
    headers[DEDUP_HEADER] = headers["ce-id"]
    return headers


def decode(msg: Msg) -> Message:
    """Read a message. Raises UndecodableMessage, holding the data as it is, for one that is no CloudEvent."""
    headers = {name.lower(): unquote(value) if "%" in value else value for name, value in (msg.headers or {}).items()}
    try:
        return Message.from_headers(headers, msg.data)
    except ValueError as error:
        raise UndecodableMessage(str(error), _remains(msg)) from error


def _remains(msg: Msg) -> Message:
    metadata = msg.metadata
    return Message(
        id=derived_id(metadata.stream, str(metadata.sequence.stream), str(metadata.timestamp)),
        type=msg.subject.partition(".")[2],
        source="unknown",
        time=metadata.timestamp.timestamp(),
        data=msg.data,
    )
