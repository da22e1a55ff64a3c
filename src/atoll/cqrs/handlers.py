"""Marks what handles a message, and finds the handlers of an object."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, get_type_hints

from atoll.core.errors import DeclarationError
from atoll.cqrs.chain import Step
from atoll.cqrs.messages import Command, Kind, Message, Query, kind_of, result_of

F = TypeVar("F", bound=Callable[..., Any])

_MARK: Final = "__atoll_handles__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What is asked of whoever sends a message."""

    authenticated: bool = False
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """A function or bound method that handles the messages of one class."""

    message: type[Any]
    result: Any
    call: Step
    demand: Demand


def handles(*, authenticated: bool = False, roles: Iterable[str] = ()) -> Callable[[F], F]:
    """Mark `async def name(self, message: PlaceOrder) -> Receipt` as the handler of the class of its parameter.

    Somebody must be signed in when `authenticated`, or have one of `roles`.
    """
    demand = Demand(authenticated=authenticated, roles=frozenset(roles))

    def mark(function: F) -> F:
        setattr(function, _MARK, demand)
        return function

    return mark


def handlers_of(parts: Sequence[object]) -> Iterator[Handler]:
    """Find the handlers among objects and functions, in order. Raises DeclarationError for one that cannot be one."""
    for part in parts:
        if hasattr(part, _MARK):
            yield _handler(part)
            continue
        found = [getattr(part, name) for name in dir(type(part)) if hasattr(getattr(type(part), name), _MARK)]
        if not found:
            raise DeclarationError(f"{part!r} handles nothing; mark its methods with @handles()")
        yield from map(_handler, found)


def _handler(call: Any) -> Handler:
    name = call.__qualname__
    hints = _hints(call)
    returned = _noned(hints.pop("return", None))
    asked: list[Any] = list(hints.values())
    if len(asked) != 1 or not _is_message(asked[0]) or not inspect.iscoroutinefunction(call):
        raise DeclarationError(f"{name} must be `async def {call.__name__}(message: PlaceOrder) -> Receipt`")
    message: type[Message] = asked[0]
    if returned != (expected := _noned(result_of(message))):
        raise DeclarationError(f"{name} returns {_shown(returned)}, but {message.__name__} asks for {_shown(expected)}")
    return Handler(message=message, result=expected, call=call, demand=getattr(call, _MARK))


def _hints(call: Any) -> dict[str, Any]:
    try:
        return get_type_hints(call)
    except NameError as error:
        raise DeclarationError(f"{call.__qualname__}: {error}; define it where the module can see it") from error


def by_message(handlers: Iterable[Handler], declared: Iterable[type[Message]], kind: Kind) -> dict[type, Handler]:
    """Return the handlers by class. Raises DeclarationError telling all that are twice, missing or of another kind."""
    found: dict[type, Handler] = {}
    problems: list[str] = []
    for each in handlers:
        if each.message in found:
            problems.append(f"{each.message.__name__} has two handlers; leave one")
        elif kind_of(each.message) != kind:
            problems.append(f"{each.message.__name__} is no {kind}; give its handler to the other bus")
        found[each.message] = each
    problems += [f"{each.__name__} has no handler; add one" for each in declared if each not in found]
    if problems:
        raise DeclarationError("; ".join(problems))
    return found


def _is_message(message: Any) -> bool:
    return isinstance(message, type) and (issubclass(message, Command) or issubclass(message, Query))


def _noned(kind: Any) -> Any:
    return type(None) if kind is None else kind


def _shown(kind: Any) -> str:
    return "None" if kind in (None, type(None)) else getattr(kind, "__name__", str(kind))
