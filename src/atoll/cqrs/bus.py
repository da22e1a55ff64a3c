"""Buses: a message goes to the one handler of its class, through one chain.

Source: the CQRS pattern, https://martinfowler.com/bliki/CQRS.html; Cosmic Python, chapters 9 and 10.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, TypeVar, cast

import msgspec

from atoll.core.errors import DeclarationError
from atoll.cqrs.chain import Kept, Middleware, Route, Step, chained
from atoll.cqrs.handlers import Handler, by_message, handlers_of
from atoll.cqrs.messages import Command, Kind, Message, Query

R = TypeVar("R")


class CommandBus:
    """Executes commands. Made when a program starts: that a handler is missing, or there are two, is told then.

    `handlers` are functions and objects with methods marked `@handles()`; `messages` must all have one. The first
    middleware is the outermost.
    """

    def __init__(
        self,
        handlers: Sequence[object],
        *,
        messages: Iterable[type[Command[Any]]] = (),
        middleware: Sequence[Middleware] = (),
    ) -> None:
        self._steps = _compiled("command", handlers, messages, middleware)

    async def execute(self, command: Command[R]) -> R:
        """Carry out a command and return its result. Raises what its handler and the middleware raise."""
        return cast("R", await _step(self._steps, command)(command))


class QueryBus:
    """Answers queries; as `CommandBus` otherwise."""

    def __init__(
        self,
        handlers: Sequence[object],
        *,
        messages: Iterable[type[Query[Any]]] = (),
        middleware: Sequence[Middleware] = (),
    ) -> None:
        self._steps = _compiled("query", handlers, messages, middleware)

    async def execute(self, query: Query[R]) -> R:
        """Answer a query. Raises what its handler and the middleware raise."""
        return cast("R", await _step(self._steps, query)(query))


def _compiled(
    kind: Kind, handlers: Sequence[object], messages: Iterable[type[Message]], middleware: Sequence[Middleware]
) -> Mapping[type, Step]:
    found = by_message(handlers_of(handlers), messages, kind)
    return {message: chained(_route(kind, each), middleware, each.call) for message, each in found.items()}


def _step(steps: Mapping[type, Step], message: object) -> Step:
    if (step := steps.get(type(message))) is None:
        raise DeclarationError(
            f"{type(message).__name__} has no handler on this bus; list it among the bus's `messages`, "
            "and the bus says so when it is made"
        )
    return step


def _route(kind: Kind, handler: Handler) -> Route:
    name = handler.message.__name__
    decoder = msgspec.json.Decoder(handler.result)
    return Route(
        name=name,
        kind=kind,
        authenticated=handler.demand.authenticated,
        roles=handler.demand.roles,
        digest=lambda message: sha256(name.encode() + b"\0" + msgspec.json.encode(message)).hexdigest(),
        keep=lambda result: Kept(body=msgspec.json.encode(result)),
        restore=lambda kept: decoder.decode(kept.body),
    )
