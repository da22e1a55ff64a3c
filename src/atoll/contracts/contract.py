"""A contract: the Protocol that a service implements and its clients call, compiled once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from atoll.contracts.compiler import compile_operation
from atoll.contracts.event import Event
from atoll.contracts.operation import ATTRIBUTE, Operation
from atoll.core.errors import DeclarationError

C = TypeVar("C", bound=type)

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_SPEC = "__atoll_contract__"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractSpec:
    """A compiled contract: its name, operations in declared order, and the events its service publishes."""

    name: str
    protocol: type[Any]
    operations: tuple[Operation, ...]
    events: tuple[type[Event], ...] = ()
    doc: str = ""

    def operation(self, name: str) -> Operation:
        """Return the operation called `name`. Raises KeyError when there is none."""
        for each in self.operations:
            if each.name == name:
                return each
        raise KeyError(name)


def contract(name: str, *, events: Sequence[type[Event]] = ()) -> Callable[[C], C]:
    """Declare a Protocol to be the contract of the service `name`.

    `events` are those its service publishes. The Protocol itself is returned unchanged, so that type checkers
    hold services and callers to it. Raises DeclarationError when two operations share a route, or an operation
    cannot be compiled.
    """
    if not _NAME.fullmatch(name):
        raise DeclarationError(f"contract name {name!r} must be lower-case letters, digits and '-'")

    def compile_contract(protocol: C) -> C:
        if not getattr(protocol, "_is_protocol", False):
            raise DeclarationError(f"contract {name!r}: write `class {protocol.__name__}(Protocol)`")
        _check_members(name, protocol)
        operations = tuple(
            compile_operation(name, member) for member in vars(protocol).values() if hasattr(member, ATTRIBUTE)
        )
        _check_routes(name, operations)
        spec = ContractSpec(
            name=name,
            protocol=protocol,
            operations=operations,
            events=tuple(events),
            doc=(protocol.__doc__ or "").strip(),
        )
        setattr(protocol, _SPEC, spec)
        return protocol

    return compile_contract


def _check_members(name: str, protocol: type) -> None:
    for member in vars(protocol).values():
        if inspect.iscoroutinefunction(member) and not hasattr(member, ATTRIBUTE):
            raise DeclarationError(
                f"contract {name!r}: {member.__name__} is not an operation; decorate it with @command or @query"
            )


def is_contract(cls: Any) -> bool:
    """Tell whether `cls` itself (not a service that implements it) is a contract."""
    return isinstance(cls, type) and _SPEC in vars(cls)


def spec_of(cls: Any) -> ContractSpec:
    """Return the compiled contract of a contract or of a service that implements one.

    Raises DeclarationError when there is none.
    """
    spec = getattr(cls, _SPEC, None)
    if not isinstance(spec, ContractSpec):
        name = getattr(cls, "__name__", cls)
        raise DeclarationError(f"{name} is not a contract; decorate it with @contract")
    return spec


def missing_operations(service: type[Any]) -> tuple[str, ...]:
    """Return the operations of its contract that `service` inherits from the Protocol, so does not implement."""
    spec = spec_of(service)
    declared = vars(spec.protocol)
    names = (each.name for each in spec.operations)
    return tuple(name for name in names if getattr(service, name) is declared[name])


def wrong_operations(service: type[Any]) -> tuple[str, ...]:
    """Return a sentence for each operation of its contract that `service` implements so that it cannot be called.

    Type checkers tell the same sooner, and types too; this is for who runs without them.
    """
    spec = spec_of(service)
    told = (_wrong(each, getattr(service, each.name)) for each in spec.operations)
    return tuple(f"{service.__name__}.{sentence}" for sentence in told if sentence)


def _wrong(operation: Operation, function: Callable[..., Any]) -> str:
    if not inspect.iscoroutinefunction(function):
        return f"{operation.name} must be `async def`"
    names = [each.name for each in operation.parameters]
    try:  # a decorated one is looked at as what it is, which may take anything
        inspect.signature(function, follow_wrapped=False).bind(None, **dict.fromkeys(names))
    except TypeError as error:
        return f"{operation.name} cannot be called with ({', '.join(names)}) as its contract says: {error}"
    return ""


def _check_routes(name: str, operations: Sequence[Operation]) -> None:
    seen: dict[tuple[str, str], Operation] = {}
    for each in operations:
        route = (each.method, re.sub(r"\{[^}]*\}", "{}", each.path))
        if route in seen:
            both = f"{seen[route].name} and {each.name}"
            raise DeclarationError(f"contract {name!r}: {both} have the same route {each.method} {each.path}")
        seen[route] = each
