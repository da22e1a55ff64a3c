"""From `key=value` on a command line to the typed arguments of an operation. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from atoll.cli.errors import UsageError
from atoll.contracts import Operation, Parameter


def arguments_for(operation: Operation, values: Sequence[str], body: str) -> dict[str, Any]:
    """Return the keyword arguments that `values` and the JSON text `body` mean for `operation`.

    Raises UsageError naming the argument that is missing, unknown or of the wrong type.
    """
    given = _pairs(values)
    own = {each.name: each for each in operation.parameters if each.place != "body"}
    fields = _fields(operation)
    if unknown := [name for name in given if name not in own and name.partition(".")[0] not in fields]:
        raise UsageError(f"{operation.id} takes no {unknown[0]!r}; {_takes(operation)}")
    if body and operation.body is None:
        raise UsageError(f"{operation.id} takes no body; {_takes(operation)}")
    if missing := [name for name, each in own.items() if each.required and name not in given]:
        raise UsageError(f"{operation.id} needs {missing[0]}=...; {_takes(operation)}")
    arguments = {name: _typed(operation, own[name], text) for name, text in given.items() if name in own}
    rest = {name: text for name, text in given.items() if name not in own}
    if operation.body is not None and (rest or body or operation.body.required):
        arguments[operation.body.name] = _struct(operation, operation.body, rest, body)
    return arguments


def _pairs(values: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for each in values:
        key, equals, text = each.partition("=")
        if not equals or not key:
            raise UsageError(f"{each!r} is not an argument; write KEY=VALUE")
        if key in pairs:
            raise UsageError(f"{key} is given twice; write it once")
        pairs[key] = text
    return pairs


def _typed(operation: Operation, parameter: Parameter, text: str) -> Any:
    if parameter.place == "path" and not text:
        raise UsageError(f"{operation.id}: {parameter.name} must not be empty, because it is part of the path")
    try:
        return msgspec.convert(_plain(text), parameter.type, strict=False)
    except msgspec.ValidationError:
        pass
    try:
        return msgspec.convert(text, parameter.type, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"{operation.id}: {parameter.name}={text!r} does not fit: {error}") from None


def _struct(operation: Operation, parameter: Parameter, pairs: Mapping[str, str], body: str) -> Any:
    document = _json_object(operation, body) if body else {}
    for key, text in pairs.items():
        _put(operation, document, key.split("."), _plain(text))
    try:
        return msgspec.convert(_listed(document), parameter.type, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"{operation.id}: the body does not fit: {error}; {_takes(operation)}") from None


def _json_object(operation: Operation, body: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise UsageError(f"{operation.id}: --json is not a JSON object: {error}") from None


def _put(operation: Operation, document: dict[str, Any], path: list[str], value: Any) -> None:
    """Set `value` at a dotted path, making the objects on the way."""
    place = document
    for name in path[:-1]:
        inner: object = place.setdefault(name, {})
        if not isinstance(inner, dict):
            raise UsageError(f"{operation.id}: {'.'.join(path)} reaches into {name}, which has a value already")
        place = cast("dict[str, Any]", inner)
    place[path[-1]] = value


def _listed(value: Any) -> Any:
    """Turn objects whose keys are 0, 1, 2... into arrays, so that `lines.0.sku=a` fills a list."""
    if not isinstance(value, dict):
        return value
    fields = {name: _listed(each) for name, each in cast("dict[str, Any]", value).items()}
    if fields and fields.keys() == {str(index) for index in range(len(fields))}:
        return [fields[str(index)] for index in range(len(fields))]
    return fields


def _plain(text: str) -> Any:
    """A value that is written as a JSON array or object is one; everything else is text until its type is known."""
    if text[:1] in ("[", "{"):
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return text
    return text


def _fields(operation: Operation) -> list[str]:
    """The fields of the body, as they are called on the wire."""
    return [each.encode_name for each in msgspec.structs.fields(operation.body.type)] if operation.body else []


def _takes(operation: Operation) -> str:
    names = [each.name for each in operation.parameters if each.place != "body"] + _fields(operation)
    return f"it takes {', '.join(names)}" if names else "it takes nothing"
