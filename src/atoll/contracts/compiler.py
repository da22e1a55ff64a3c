"""From a decorated method to an Operation: where each parameter travels, every mistake told in one sentence."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_type_hints

import msgspec
import msgspec.inspect

from atoll.contracts.operation import ATTRIBUTE, Declaration, Operation, Parameter, Place
from atoll.core.errors import DeclarationError

_ROUTE = re.compile(r"(GET|POST|PUT|PATCH|DELETE) (/|(?:/(?:[\w.~:-]+|\{[a-z_][a-z0-9_]*\}))+)", re.ASCII)
_HOLE = re.compile(r"\{(\w+)\}")
_SAFE = frozenset({"GET"})
_TEXT = (
    msgspec.inspect.AnyType,
    msgspec.inspect.StrType,
    msgspec.inspect.IntType,
    msgspec.inspect.FloatType,
    msgspec.inspect.BoolType,
    msgspec.inspect.DecimalType,
    msgspec.inspect.EnumType,
    msgspec.inspect.LiteralType,
    msgspec.inspect.DateTimeType,
    msgspec.inspect.DateType,
    msgspec.inspect.TimeType,
    msgspec.inspect.TimeDeltaType,
    msgspec.inspect.UUIDType,
    msgspec.inspect.NoneType,
)


def compile_operation(contract: str, function: Callable[..., Any]) -> Operation:
    """Work out where each parameter travels. Raises DeclarationError when the declaration cannot work."""
    declared: Declaration = getattr(function, ATTRIBUTE)
    where = f"{contract}.{function.__name__}"
    method, path = _route(where, declared)
    hints = _hints(where, function)
    result = None if hints["return"] is type(None) else hints["return"]
    parameters = _parameters(where, function, hints, path)
    _check_json(where, {each.name: each.type for each in parameters} | {"return": hints["return"]})
    return Operation(
        contract=contract,
        name=function.__name__,
        kind=declared.kind,
        method=method,
        path=path,
        parameters=parameters,
        result=result,
        status=declared.status or (204 if result is None else 200),
        raises=declared.raises,
        public=declared.public,
        anonymous=declared.anonymous,
        roles=declared.roles,
        limit=declared.limit,
        timeout=declared.timeout,
        max_body=declared.max_body,
        doc=inspect.getdoc(function) or "",
    )


def _route(where: str, declared: Declaration) -> tuple[str, str]:
    match = _ROUTE.fullmatch(declared.route)
    if match is None:
        raise DeclarationError(f"{where}: {declared.route!r} is not a route; write it like 'POST /things/{{id}}'")
    method, path = match.groups()
    if (declared.kind == "query") != (method in _SAFE):
        needed = "GET" if declared.kind == "query" else "POST, PUT, PATCH or DELETE"
        raise DeclarationError(f"{where}: a {declared.kind} uses {needed}, not {method}")
    return method, path


def _hints(where: str, function: Callable[..., Any]) -> dict[str, Any]:
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise DeclarationError(
            f"{where}: the type {error.name!r} is not known in {function.__module__}; import it there"
        ) from error
    if "return" not in hints:
        raise DeclarationError(f"{where} must say what it returns, for example `-> None`")
    return hints


def _check_json(where: str, types: Mapping[str, Any]) -> None:
    for name, kind in types.items():
        try:
            msgspec.json.schema_components([kind])
        except TypeError as error:
            told = "returns" if name == "return" else f"takes {name!r} as"
            raise DeclarationError(
                f"{where} {told} {getattr(kind, '__name__', kind)}, which has no form in JSON; "
                "use plain values, lists, dicts and msgspec structs of them"
            ) from error


def _parameters(where: str, function: Callable[..., Any], hints: dict[str, Any], path: str) -> tuple[Parameter, ...]:
    holes = _HOLE.findall(path)
    found: list[Parameter] = []
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        if parameter.name not in hints:
            raise DeclarationError(f"{where}: parameter {parameter.name!r} needs a type")
        kind = hints[parameter.name]
        place: Place = "path" if parameter.name in holes else "body" if is_struct(kind) else "query"
        found.append(Parameter(name=parameter.name, type=kind, place=place, default=parameter.default))
    _check_places(where, holes, found)
    return tuple(found)


def _check_places(where: str, holes: Sequence[str], found: Sequence[Parameter]) -> None:
    for each in found:
        if each.place != "body" and not is_text(each.type):
            raise DeclarationError(
                f"{where}: parameter {each.name!r} travels in the {each.place}, so it must be a plain value, "
                "not a structure; make it a field of the struct that is the body"
            )
    if sorted(holes) != sorted(each.name for each in found if each.place == "path"):
        raise DeclarationError(f"{where}: each {{name}} in the path needs one parameter of that name")
    if sum(each.place == "body" for each in found) > 1:
        raise DeclarationError(f"{where}: only one parameter can be a struct, because it is the JSON body")


def is_struct(kind: Any) -> bool:
    """Tell whether `kind` is a msgspec struct class."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def is_text(kind: Any) -> bool:
    """Tell whether values of `kind` can travel as text in a path or a query string (a list: repeated)."""
    return _is_text(msgspec.inspect.type_info(kind))


def _is_text(info: msgspec.inspect.Type) -> bool:
    match info:
        case msgspec.inspect.Metadata():
            return _is_text(info.type)
        case msgspec.inspect.UnionType():
            return all(_is_text(each) for each in info.types)
        case msgspec.inspect.ListType() | msgspec.inspect.VarTupleType():
            return isinstance(info.item_type, _TEXT)
        case _:
            return isinstance(info, _TEXT)
