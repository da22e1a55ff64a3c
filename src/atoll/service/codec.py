"""From a request to an operation's arguments and from its result to a reply, compiled once from the contract."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from urllib.parse import parse_qs

import msgspec

from atoll.contracts import Operation, Parameter
from atoll.service.errors import InvalidRequest, MalformedRequest, UnsupportedMediaType
from atoll.service.http import Reply, Request

_AT = re.compile(r" - at `(\$[^`]*)`$")
_MISSING = re.compile(r"missing required field `([^`]+)`")


class OperationCodec:
    """Decoding is validation: what does not fit the types never reaches the service's code."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self._text = [partial(_text_argument, each) for each in operation.parameters if each.place != "body"]
        self._body = operation.body
        self._decode = msgspec.json.Decoder(self._body.type).decode if self._body else None
        self._encode = msgspec.json.Encoder().encode

    def arguments(self, request: Request) -> dict[str, Any]:
        """Return the arguments by name. Raises MalformedRequest, UnsupportedMediaType or InvalidRequest."""
        arguments: dict[str, Any] = {}
        if self._text:
            query = parse_qs(request.query, keep_blank_values=True) if request.query else {}
            for read in self._text:
                read(arguments, request.parameters, query)
        if self._body is not None and self._decode is not None:
            self._read_body(arguments, request, self._body, self._decode)
        return arguments

    def reply(self, result: Any) -> Reply:
        """Return the reply of success."""
        if self._operation.result is None:
            return Reply(status=self._operation.status)
        return Reply(status=self._operation.status, body=self._encode(result))

    def _read_body(
        self, arguments: dict[str, Any], request: Request, parameter: Parameter, decode: Callable[[bytes], Any]
    ) -> None:
        if not request.body:
            if parameter.required:
                raise MalformedRequest("the request needs a JSON body")
            return
        _check_media_type(request.headers.get("content-type", "application/json"))
        try:
            arguments[parameter.name] = decode(request.body)
        except msgspec.ValidationError as error:
            raise _invalid(error) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedRequest(f"the body is not valid JSON: {error}") from error


def _text_argument(
    parameter: Parameter, arguments: dict[str, Any], path: Mapping[str, str], query: dict[str, list[str]]
) -> None:
    if parameter.place == "path":
        raw: Any = path[parameter.name]
    elif parameter.name not in query:
        if parameter.required:
            raise InvalidRequest(f"the query parameter {parameter.name!r} is missing", field=parameter.name)
        return
    else:
        values = query[parameter.name]
        raw = values if takes_list(parameter.type) else values[-1]
    try:
        arguments[parameter.name] = msgspec.convert(raw, parameter.type, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{parameter.name}: {error}", field=parameter.name) from error


def takes_list(kind: Any) -> bool:
    """Tell whether a query parameter of type `kind` is a list, so that it may be repeated."""
    origin = get_origin(kind)
    if origin is Annotated or origin in (Union, UnionType):
        return any(takes_list(each) for each in get_args(kind))
    return isinstance(origin, type) and issubclass(origin, Collection)


def _check_media_type(content_type: str) -> None:
    kind = content_type.partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise UnsupportedMediaType(f"the body is {kind or 'of no type'}; send application/json")


def _invalid(error: msgspec.ValidationError) -> InvalidRequest:
    text = str(error)
    at = _AT.search(text)
    path = at.group(1).removeprefix("$").removeprefix(".") if at else ""
    if missing := _MISSING.search(text):
        path = f"{path}.{missing.group(1)}" if path else missing.group(1)
    return InvalidRequest(_AT.sub("", text), field=path)
