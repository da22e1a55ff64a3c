"""What the shop tells about itself is valid, for each service and for the gateway."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from atoll.contracts import ContractSpec, spec_of
from atoll.contracts.asyncapi import asyncapi
from atoll.contracts.docs import docs_page
from atoll.contracts.openapi import openapi
from shop.contracts import ALL_EVENTS, CONTRACTS

OFFICIAL = Path(__file__).parents[1] / "unit" / "contracts" / "asyncapi" / "3.0.0.json"
SPECS = [spec_of(each) for each in CONTRACTS]

each_service = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)


def assert_valid_asyncapi(document: dict[str, Any]) -> None:
    schema = json.loads(OFFICIAL.read_text("utf-8"))
    assert [error.message for error in Draft7Validator(schema).iter_errors(document)] == []


@each_service
def test_the_openapi_document_of_a_service_is_valid(spec: ContractSpec) -> None:
    OpenAPIV31SpecValidator(openapi([spec], title=spec.name, version="1")).validate()


@each_service
def test_the_asyncapi_document_of_a_service_is_valid(spec: ContractSpec) -> None:
    assert_valid_asyncapi(asyncapi([spec], title=spec.name, version="1", consumes=ALL_EVENTS))


@each_service
def test_the_page_of_a_service_shows_all_its_operations(spec: ContractSpec) -> None:
    page = docs_page(openapi([spec], title=spec.name, version="1"))
    assert all(f'<article id="{each.id}">' in page for each in spec.operations)


def test_the_openapi_document_of_the_gateway_is_valid_and_has_every_public_operation() -> None:
    document = openapi(SPECS, title="shop", version="1", gateway=True)
    OpenAPIV31SpecValidator(document).validate()
    shown = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    assert shown == {each.id for spec in SPECS for each in spec.operations if each.public}


def test_the_asyncapi_document_of_the_whole_shop_is_valid_and_has_every_event() -> None:
    document = asyncapi(SPECS, title="shop", version="1")
    assert_valid_asyncapi(document)
    assert set(document["channels"]) == {each.event_type for each in ALL_EVENTS}
