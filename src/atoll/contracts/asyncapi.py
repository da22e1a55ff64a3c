"""AsyncAPI 3.0 documents of the events that services publish and consume, as CloudEvents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from atoll.contracts.contract import ContractSpec
from atoll.contracts.event import Event
from atoll.contracts.schema import Schema, Schemas, schemas

_TEXT: Final[Schema] = {"type": "string", "minLength": 1}

_HEADERS: Final = "CloudEvent-1.0"
"""A component name that no event can have."""

_CLOUD_EVENT: Final[Schema] = {
    "title": "CloudEvent",
    "description": "The attributes of a CloudEvent 1.0 in binary mode, and the W3C trace it belongs to.",
    "type": "object",
    "required": ["ce-specversion", "ce-id", "ce-type", "ce-source", "ce-time", "content-type"],
    "properties": {
        "ce-specversion": {"const": "1.0"},
        "ce-id": _TEXT | {"description": "The same on every delivery of this event."},
        "ce-type": _TEXT,
        "ce-source": _TEXT | {"description": "The service that published it."},
        "ce-time": {"type": "string", "format": "date-time"},
        "ce-subject": _TEXT | {"description": "Events with the same subject arrive in the order of their commit."},
        "ce-requestid": _TEXT,
        "ce-causationid": _TEXT | {"description": "The message or saga step that it came from."},
        "content-type": {"const": "application/json"},
        "traceparent": _TEXT,
    },
}


def asyncapi(
    specs: Sequence[ContractSpec],
    *,
    title: str,
    version: str,
    consumes: Sequence[type[Event]] = (),
    servers: Sequence[str] = (),
) -> dict[str, Any]:
    """Describe the events of `specs` and those that are consumed as an AsyncAPI 3.0 document, of JSON values only.

    Each event type is a channel whose address is its CloudEvents type; `servers` are the URLs of brokers.
    """
    sent = list(dict.fromkeys(event for spec in specs for event in spec.events))
    received = list(dict.fromkeys(consumes))
    events = list(dict.fromkeys([*sent, *received]))
    document: dict[str, Any] = {
        "asyncapi": "3.0.0",
        "info": {"title": title, "version": version},
        "defaultContentType": "application/json",
        "channels": {each.event_type: _channel(each) for each in events},
        "operations": _operations("send", sent) | _operations("receive", received),
        "components": _components(events, schemas(events)),
    }
    if servers:
        document["servers"] = {f"broker{number}": _server(url) for number, url in enumerate(servers, 1)}
    return document


def _channel(event: type[Event]) -> Schema:
    return {
        "address": event.event_type,
        "title": event.__name__,
        "description": _ordering(event),
        "messages": {event.event_type: {"$ref": f"#/components/messages/{event.event_type}"}},
    }


def _ordering(event: type[Event]) -> str:
    if event.event_key is None:
        return "Delivered at least once, in no order."
    return f"Delivered at least once; those with the same {event.event_key} in the order of their commit."


def _operations(action: str, events: Sequence[type[Event]]) -> Schema:
    return {f"{action}.{each.event_type}": _operation(action, each.event_type) for each in events}


def _operation(action: str, event_type: str) -> Schema:
    channel = f"#/channels/{event_type}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{event_type}"}],
    }


def _components(events: Sequence[type[Event]], known: Schemas) -> Schema:
    return {
        "messages": {each.event_type: _message(each, known) for each in events},
        "schemas": {**known.components, _HEADERS: _CLOUD_EVENT},
    }


def _message(event: type[Event], known: Schemas) -> Schema:
    headers: Schema = {
        "type": "object",
        "allOf": [{"$ref": f"#/components/schemas/{_HEADERS}"}],
        "properties": {"ce-type": {"const": event.event_type}},
    }
    return {
        "name": event.event_type,
        "title": event.__name__,
        "summary": (event.__doc__ or event.__name__).strip().partition("\n")[0],
        "contentType": "application/json",
        "headers": headers,
        "payload": known.of(event),
    }


def _server(url: str) -> Schema:
    parts = urlsplit(url)
    return {"host": parts.netloc.rpartition("@")[2], "protocol": parts.scheme}
