"""What a service may keep of an event for good: everything but what is somebody's own."""

from __future__ import annotations

import msgspec

from atoll.contracts import Event, Message, personal_fields


def impersonal(message: Message, event: Event) -> Message:
    """Return the message of `event` with what is personal in it replaced by what its contract says instead.

    For logs that are never changed: what is not put in need not be taken out when its owner asks to be forgotten.
    """
    marks = personal_fields(type(event))
    if not marks:
        return message
    left = msgspec.structs.replace(event, **{name: mark.erased for name, mark in marks.items()})
    return msgspec.structs.replace(message, data=msgspec.json.encode(left))
