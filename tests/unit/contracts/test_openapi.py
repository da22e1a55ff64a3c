from __future__ import annotations

import json
from typing import Any, Protocol

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from atoll.contracts import command, contract, query, spec_of
from atoll.contracts.openapi import openapi
from atoll.core import DeclarationError
from tests.unit.contracts.library import Library


@contract("museum")
class Museum(Protocol):
    """Things to look at, with the paths of a library."""

    @query("GET /loans", public=True)
    async def loans(self) -> list[str]: ...

    @command("PATCH /books/{id}")
    async def change(self, id: int) -> None: ...  # noqa: A002


@contract("thief")
class Thief(Protocol):
    @command("POST /loans", public=True)
    async def take(self) -> None: ...


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    return openapi([spec_of(Library)], title="library", version="1.2.0")


@pytest.fixture(scope="module")
def gateway() -> dict[str, Any]:
    return openapi([spec_of(Library), spec_of(Museum)], title="city", version="1", servers=["http://a"], gateway=True)


def parameters(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in operation["parameters"] if "name" in each}


def documents(operation: dict[str, Any], status: str) -> list[str]:
    schema = operation["responses"][status]["content"]["application/problem+json"]["schema"]
    return [each["$ref"].rpartition("/")[2] for each in schema.get("anyOf", [schema])]


@pytest.mark.parametrize("of_gateway", [False, True])
def test_the_document_is_valid_openapi(of_gateway: bool) -> None:
    specs = [spec_of(Library), spec_of(Museum)]
    document = openapi(specs, title="city", version="1", servers=["http://a"], gateway=of_gateway)
    OpenAPIV31SpecValidator(document).validate()


def test_the_document_is_made_of_json_values(service: dict[str, Any]) -> None:
    assert json.loads(json.dumps(service)) == service


def test_every_operation_of_a_service_is_described(service: dict[str, Any]) -> None:
    found = {operation["operationId"] for path in service["paths"].values() for operation in path.values()}
    assert found == {f"library.{name}" for name in ("borrow", "give_back", "add", "search", "book")}


def test_summary_and_description_are_those_of_the_docstring(service: dict[str, Any]) -> None:
    borrow = service["paths"]["/loans"]["post"]
    assert (borrow["summary"], borrow["description"]) == (
        "Take a copy home.",
        "The reader is the token's subject.",
    )


def test_an_operation_without_a_docstring_is_called_by_its_name(service: dict[str, Any]) -> None:
    assert service["paths"]["/loans/{loan_id}"]["delete"]["summary"] == "Give back"


def test_parameters_stand_where_they_travel(service: dict[str, Any]) -> None:
    search = parameters(service["paths"]["/books"]["get"])
    assert (search["text"]["in"], search["text"]["required"]) == ("query", True)
    assert search["order"]["schema"] == {"enum": ["isbn", "title"], "default": "title"}
    assert search["tag"]["schema"] == {"type": "array", "items": {"type": "string"}}


def test_a_struct_is_the_body(service: dict[str, Any]) -> None:
    body = service["paths"]["/books/{isbn}"]["put"]["requestBody"]
    assert body == {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Book"}}},
    }


def test_commands_take_an_idempotency_key_and_queries_do_not(service: dict[str, Any]) -> None:
    key = {"$ref": "#/components/parameters/IdempotencyKey"}
    assert key in service["paths"]["/loans"]["post"]["parameters"]
    assert key not in service["paths"]["/books"]["get"]["parameters"]


def test_success_has_the_status_and_the_type_of_the_contract(service: dict[str, Any]) -> None:
    assert "content" in service["paths"]["/loans"]["post"]["responses"]["201"]
    assert service["paths"]["/loans/{loan_id}"]["delete"]["responses"]["204"] == {"description": "No Content"}


def test_any_command_may_still_be_running_when_the_deadline_comes(service: dict[str, Any]) -> None:
    assert "Retry-After" in service["paths"]["/loans"]["post"]["responses"]["202"]["headers"]
    assert "202" not in service["paths"]["/books"]["get"]["responses"]


def test_declared_problems_are_answers(service: dict[str, Any]) -> None:
    borrow = service["paths"]["/loans"]["post"]
    assert documents(borrow, "404") == ["UnknownTitle"]
    assert documents(borrow, "409") == ["NoCopyLeft", "ProblemDocument"]


def test_what_the_toolkit_refuses_is_an_answer(service: dict[str, Any]) -> None:
    borrow, book = service["paths"]["/loans"]["post"], service["paths"]["/books/{isbn}"]["get"]
    assert list(borrow["responses"]) == ["201", "202", "400", "404", "409", "413", "415", "422", "default"]
    assert list(book["responses"]) == ["200", "400", "404", "422", "default"]


def test_a_service_asks_for_no_token(service: dict[str, Any]) -> None:
    assert "securitySchemes" not in service["components"]
    assert "401" not in service["paths"]["/loans"]["post"]["responses"]


def test_the_gateway_has_the_public_operations_only(gateway: dict[str, Any]) -> None:
    assert [each["name"] for each in gateway["tags"]] == ["library", "museum"]
    assert "put" not in gateway["paths"].get("/books/{isbn}", {})
    assert "patch" not in gateway["paths"]["/books/{number}"]


def test_the_gateway_asks_for_a_token_unless_anyone_may_come(gateway: dict[str, Any]) -> None:
    assert gateway["paths"]["/loans"]["post"]["security"] == [{"bearer": []}]
    assert "security" not in gateway["paths"]["/books"]["get"]
    assert "401" not in gateway["paths"]["/books"]["get"]["responses"]


def test_any_of_the_roles_will_do(gateway: dict[str, Any]) -> None:
    give_back = gateway["paths"]["/loans/{loan_id}"]["delete"]
    assert give_back["security"] == [{"bearer": ["reader"]}, {"bearer": ["librarian"]}]
    assert "403" in give_back["responses"]


def test_the_limit_is_told_with_when_to_come_again(gateway: dict[str, Any]) -> None:
    refused = gateway["paths"]["/books"]["get"]["responses"]["429"]
    assert refused["description"] == "More than 30 requests in 10 seconds."
    assert "Retry-After" in refused["headers"]


def test_only_what_is_shown_has_a_schema(gateway: dict[str, Any]) -> None:
    document = openapi([spec_of(Museum)], title="museum", version="1", gateway=True)
    assert list(document["components"]["schemas"]) == ["ProblemDocument"]


def test_servers_are_named(gateway: dict[str, Any], service: dict[str, Any]) -> None:
    assert gateway["servers"] == [{"url": "http://a"}]
    assert "servers" not in service


def test_paths_that_differ_in_the_name_of_a_parameter_are_one_path() -> None:
    document = openapi([spec_of(Library), spec_of(Museum)], title="city", version="1")
    change = document["paths"]["/books/{isbn}"]["patch"]
    assert list(parameters(change)) == ["isbn"]
    assert "/books/{id}" not in document["paths"]


def test_two_contracts_with_one_route_are_told() -> None:
    with pytest.raises(DeclarationError, match=r"thief\.take has the route POST /loans of another operation"):
        openapi([spec_of(Library), spec_of(Thief)], title="city", version="1", gateway=True)
