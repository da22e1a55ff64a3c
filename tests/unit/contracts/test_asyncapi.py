from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from atoll.contracts import Event, message_of, spec_of
from atoll.contracts.asyncapi import asyncapi
from atoll.core.context import new_context
from tests.unit.contracts.library import BookBorrowed, Library, LibraryClosed

OFFICIAL = Path(__file__).parent / "asyncapi" / "3.0.0.json"
BORROWED, CLOSED = "tests.library.BookBorrowed.v1", "tests.library.LibraryClosed.v2"


class RoofLeaks(Event):
    room: str


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return asyncapi(
        [spec_of(Library)],
        title="library",
        version="1.2.0",
        consumes=[RoofLeaks, LibraryClosed],
        servers=["nats://name:secret@127.0.0.1:4222"],
    )


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from (value for name, value in part.items() if name == "$ref")
        yield from (each for value in part.values() for each in references(value))
    elif isinstance(part, list):
        yield from (each for value in part for each in references(value))


def resolved(document: dict[str, Any], reference: str) -> Any:
    part: Any = document
    for name in reference.removeprefix("#/").split("/"):
        part = part[name]
    return part


def test_the_document_is_valid_asyncapi(document: dict[str, Any]) -> None:
    schema = json.loads(OFFICIAL.read_text("utf-8"))
    assert [error.message for error in Draft7Validator(schema).iter_errors(document)] == []


def test_a_document_without_events_is_valid_too() -> None:
    schema = json.loads(OFFICIAL.read_text("utf-8"))
    assert Draft7Validator(schema).is_valid(asyncapi([], title="silent", version="1"))


def test_the_official_schema_refuses_a_wrong_document(document: dict[str, Any]) -> None:
    schema = json.loads(OFFICIAL.read_text("utf-8"))
    wrong = document | {"operations": {"send": {"action": "shout", "channel": {"$ref": "#/channels/x"}}}}
    assert not Draft7Validator(schema).is_valid(wrong)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = list(references(document))
    assert found
    assert all(resolved(document, each) for each in found)


def test_the_messages_of_an_operation_are_those_of_its_channel(document: dict[str, Any]) -> None:
    for operation in document["operations"].values():
        channel = operation["channel"]["$ref"]
        assert all(each["$ref"].startswith(f"{channel}/messages/") for each in operation["messages"])


def test_a_service_sends_the_events_of_its_contract_and_receives_those_it_consumes(
    document: dict[str, Any],
) -> None:
    actions = [(name, each["action"]) for name, each in document["operations"].items()]
    assert actions == [
        (f"send.{BORROWED}", "send"),
        (f"send.{CLOSED}", "send"),
        ("receive.tests.test_asyncapi.RoofLeaks.v1", "receive"),
        (f"receive.{CLOSED}", "receive"),
    ]


def test_each_event_type_is_one_channel_at_the_address_of_its_type(document: dict[str, Any]) -> None:
    addresses = [each["address"] for each in document["channels"].values()]
    assert addresses == [BORROWED, CLOSED, "tests.test_asyncapi.RoofLeaks.v1"]


def test_a_channel_tells_the_order_of_its_events(document: dict[str, Any]) -> None:
    assert "the same isbn in the order of their commit" in document["channels"][BORROWED]["description"]
    assert document["channels"][CLOSED]["description"] == "Delivered at least once, in no order."


def test_a_published_event_fits_the_schemas_of_its_headers_and_its_payload(document: dict[str, Any]) -> None:
    event = BookBorrowed(isbn="978", loan_id="7")
    message = message_of(event, source="library", context=new_context(), time=1.0)
    described = document["components"]["messages"][BORROWED]
    components = {"components": document["components"]}
    Draft202012Validator(described["headers"] | components).validate(message.headers())
    Draft202012Validator(described["payload"] | components).validate(json.loads(message.data))


def test_the_headers_of_another_event_do_not_fit(document: dict[str, Any]) -> None:
    message = message_of(LibraryClosed(reason="x"), source="library", context=new_context(), time=1.0)
    headers = document["components"]["messages"][BORROWED]["headers"]
    validator = Draft202012Validator(headers | {"components": document["components"]})
    assert not validator.is_valid(message.headers())


def test_a_message_says_what_happened(document: dict[str, Any]) -> None:
    summaries = [each["summary"] for each in document["components"]["messages"].values()]
    assert summaries == ["A reader took a copy home.", "LibraryClosed", "RoofLeaks"]


def test_a_broker_is_named_without_its_password(document: dict[str, Any]) -> None:
    assert document["servers"] == {"broker1": {"host": "127.0.0.1:4222", "protocol": "nats"}}
