"""Commands and queries as messages. The parameter is what comes back: `class PlaceOrder(Command[Receipt])`."""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar, get_args, get_origin

import msgspec

from atoll.core.errors import DeclarationError

R = TypeVar("R")

Kind = Literal["command", "query"]


class Command(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """Asks for a change; named in the imperative."""


class Query(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """Asks a question, and changes nothing."""


Message = Command[Any] | Query[Any]


def kind_of(message: type[Message]) -> Kind:
    """Tell whether a message class is a command or a query."""
    return "command" if issubclass(message, Command) else "query"


def result_of(message: type[Message]) -> Any:
    """Return the type of what comes back. Raises DeclarationError for a class that does not say."""
    for base in getattr(message, "__orig_bases__", ()):
        if get_origin(base) in (Command, Query):
            return get_args(base)[0]
    raise DeclarationError(
        f"{message.__name__} does not say what comes back; declare it as `class {message.__name__}(Command[Result])`, "
        "or with None for nothing"
    )
