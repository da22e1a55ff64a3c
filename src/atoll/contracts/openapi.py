"""OpenAPI 3.1 documents of contracts: for one service, or for the gateway before all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec

from atoll.contracts.contract import ContractSpec
from atoll.contracts.operation import Operation, Parameter
from atoll.contracts.schema import DIALECT, ProblemDocument, Schema, Schemas, schemas_of
from atoll.core.errors import DeclarationError

PROBLEM_JSON: Final = "application/problem+json"

_HOLE = re.compile(r"\{([^}]*)\}")

_REASONS: Final = {
    400: "The request is malformed.",
    401: "There is no token, or it is not valid.",
    403: "The token has none of the roles that are needed.",
    409: "The same request is still running under this idempotency key.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "The request does not fit its schema.",
    429: "Too many requests.",
}

_IDEMPOTENCY_KEY: Final[Schema] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": (
        "Names this request, so that repeating it changes nothing twice: the same key and request get the first "
        "answer again, the same key with another request gets 422."
    ),
    "schema": {"type": "string", "minLength": 1},
}

_BEARER: Final[Schema] = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "An access token of the authorization server.",
}


_RETRY_AFTER: Final[Schema] = {
    "description": "Seconds to wait before the next try.",
    "schema": {"type": "integer", "minimum": 0},
}

_RUNNING: Final[Schema] = {
    "description": "Accepted, and still running: repeat the request with the same Idempotency-Key for its answer.",
    "headers": {"Retry-After": _RETRY_AFTER},
    "content": {"application/json": {"schema": {"type": "object"}}},
}


def openapi(
    specs: Sequence[ContractSpec],
    *,
    title: str,
    version: str,
    servers: Sequence[str] = (),
    gateway: bool = False,
) -> dict[str, Any]:
    """Describe the operations of `specs` as an OpenAPI 3.1 document, made of JSON values only.

    With `gateway` it holds the public operations alone, with the tokens, roles and limits asked for there.
    """
    operations = [each for spec in specs for each in spec.operations if each.public or not gateway]
    known = schemas_of(operations)
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "jsonSchemaDialect": DIALECT,
        "info": {"title": title, "version": version},
        "tags": _tags(specs, operations),
        "paths": _paths(operations, known, gateway=gateway),
        "components": _components(known, gateway=gateway),
    }
    if servers:
        document["servers"] = [{"url": each} for each in servers]
    return document


def _tags(specs: Sequence[ContractSpec], operations: Sequence[Operation]) -> list[Schema]:
    used = {each.contract for each in operations}
    return [{"name": each.name, "description": each.doc} for each in specs if each.name in used]


def _components(known: Schemas, *, gateway: bool) -> Schema:
    components: Schema = {
        "schemas": dict(known.components),
        "parameters": {"IdempotencyKey": _IDEMPOTENCY_KEY},
        "responses": {"Problem": _problem("The request was not carried out.", [known.of(ProblemDocument)])},
    }
    return components | ({"securitySchemes": {"bearer": _BEARER}} if gateway else {})


def _paths(operations: Sequence[Operation], known: Schemas, *, gateway: bool) -> Schema:
    names: dict[str, str] = {}
    paths: dict[str, Schema] = {}
    for each in operations:
        path = names.setdefault(_HOLE.sub("{}", each.path), each.path)
        methods = paths.setdefault(path, {})
        if each.method.lower() in methods:
            raise DeclarationError(f"{each.id} has the route {each.method} {each.path} of another operation")
        methods[each.method.lower()] = _operation(each, path, known, gateway=gateway)
    return paths


def _operation(operation: Operation, path: str, known: Schemas, *, gateway: bool) -> Schema:
    summary, _, more = operation.doc.partition("\n")
    shown: Schema = {
        "operationId": operation.id,
        "tags": [operation.contract],
        "summary": summary or operation.name.replace("_", " ").capitalize(),
        "parameters": list(_parameters(operation, path, known)),
        "responses": _responses(operation, known, gateway=gateway),
    }
    if more.strip():
        shown["description"] = more.strip()
    if operation.body is not None:
        content = {"application/json": {"schema": known.of(operation.body.type)}}
        shown["requestBody"] = {"required": operation.body.required, "content": content}
    if gateway and not operation.anonymous:
        shown["security"] = [{"bearer": [each]} for each in operation.roles] or [{"bearer": []}]
    return shown


def _parameters(operation: Operation, path: str, known: Schemas) -> Iterator[Schema]:
    names = dict(zip(_HOLE.findall(operation.path), _HOLE.findall(path), strict=True))
    for each in operation.parameters:
        if each.place != "body":
            yield {
                "name": names.get(each.name, each.name),
                "in": each.place,
                "required": each.place == "path" or each.required,
                "schema": _with_default(known.of(each.type), each),
            }
    if operation.kind == "command":
        yield {"$ref": "#/components/parameters/IdempotencyKey"}


def _with_default(schema: Schema, parameter: Parameter) -> Schema:
    if parameter.required:
        return schema
    if parameter.default is None:
        return _without_null(schema)
    return schema | {"default": msgspec.to_builtins(parameter.default, str_keys=True)}


def _without_null(schema: Schema) -> Schema:
    """What may be left out, because null cannot be written in a query string."""
    choices: list[Schema] = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(choices) == 1:
        return choices[0]
    return schema | {"anyOf": choices} if choices else schema


def _responses(operation: Operation, known: Schemas, *, gateway: bool) -> Schema:
    own = frozenset(_own_statuses(operation, gateway=gateway))
    statuses = own.union(each.status for each in operation.raises)
    answers: Schema = {str(operation.status): _success(operation, known)}
    if operation.kind == "command":
        answers.setdefault("202", _RUNNING)
    for each in sorted(statuses):
        answers[str(each)] = _refusal(operation, each, known, own=each in own)
    return answers | {"default": {"$ref": "#/components/responses/Problem"}}


def _success(operation: Operation, known: Schemas) -> Schema:
    success: Schema = {"description": HTTPStatus(operation.status).phrase}
    if operation.result is not None:
        success["content"] = {"application/json": {"schema": known.of(operation.result)}}
    return success


def _own_statuses(operation: Operation, *, gateway: bool) -> Iterator[int]:
    """The statuses that the toolkit itself answers with, whatever the contract declares."""
    if operation.parameters:
        yield from (400, 422)
    if operation.body is not None:
        yield from (413, 415)
    if operation.kind == "command":
        yield from (409, 422)
    if gateway:
        yield 429
        yield from () if operation.anonymous else (401,)
        yield from (403,) if operation.roles else ()


def _refusal(operation: Operation, status: int, known: Schemas, *, own: bool) -> Schema:
    declared = [each for each in operation.raises if each.status == status]
    reasons = [(each.__doc__ or each.title).strip().partition("\n")[0] for each in declared]
    documents = [known.of(each) for each in declared]
    if own:
        reasons.append(_limit(operation) if status == 429 else _REASONS[status])
        documents.append(known.of(ProblemDocument))
    refusal = _problem(" Or: ".join(reasons), documents)
    return refusal | {"headers": {"Retry-After": _RETRY_AFTER}} if status == 429 else refusal


def _limit(operation: Operation) -> str:
    if operation.limit is None:
        return _REASONS[429]
    return f"More than {operation.limit.requests} requests in {operation.limit.seconds} seconds."


def _problem(description: str, documents: Sequence[Schema]) -> Schema:
    schema = documents[0] if len(documents) == 1 else {"anyOf": list(documents)}
    return {"description": description, "content": {PROBLEM_JSON: {"schema": schema}}}
