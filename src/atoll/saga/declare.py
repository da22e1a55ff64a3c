"""`@saga`: marks a method as durable, without changing how it looks to its callers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast, get_type_hints

from atoll.core.errors import DeclarationError

if TYPE_CHECKING:
    from atoll.saga.engine import SagaEngine
    from atoll.saga.steps import Saga

S = TypeVar("S")
P = ParamSpec("P")
T = TypeVar("T")

ENGINE = "__atoll_sagas__"
_DEFINITION = "__atoll_saga__"


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaDefinition:
    """A saga as it was declared. `input` and `result` are the types its journal is read with."""

    name: str
    function: Callable[..., Coroutine[Any, Any, Any]]
    input: Any
    result: Any


def saga(
    function: Callable[Concatenate[S, Saga, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[S, P], CoroutineType[Any, Any, T]]:
    """Make `async def name(self, s: Saga, input)` durable: it resumes where it was after a crash.

    To its callers it is `name(input)`, so it may implement a command of a contract. Calling it starts the saga,
    or attaches to the one that the idempotency key in the context belongs to, and waits for the outcome: the
    result, or the Problem that made it compensate. Raises SagaRunning when the deadline comes first, SagaParked,
    SagaFailed or KeyReused. What it does between steps must not depend on time, chance or tables: on resumption
    the function runs again from its start, with recorded steps answered from the journal.
    """

    @functools.wraps(function)
    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        engine: SagaEngine | None = getattr(self, ENGINE, None)
        if engine is None:
            raise DeclarationError(f"{function.__name__} is a saga and needs a running service; see atoll.testing")
        (request,) = (*args, *kwargs.values())
        return await engine.call(definition_of(call), request)

    setattr(call, _DEFINITION, function)
    # Pyright knows a coroutine function's result as CoroutineType and mypy as Coroutine; the first is also the second.
    return cast("Callable[Concatenate[S, P], CoroutineType[Any, Any, T]]", call)


@functools.cache
def _compile(function: Callable[..., Coroutine[Any, Any, Any]]) -> SagaDefinition:
    hints = get_type_hints(function)
    arguments = [kind for name, kind in hints.items() if name != "return"]
    if len(arguments) != 2 or "return" not in hints:
        raise DeclarationError(
            f"saga {function.__qualname__} must look like `async def name(self, s: Saga, input: Input) -> Result`"
        )
    return SagaDefinition(name=function.__name__, function=function, input=arguments[1], result=hints["return"])


def definition_of(method: Callable[..., Any]) -> SagaDefinition:
    """Return what was declared. Raises DeclarationError when `method` is not a saga."""
    function = getattr(method, _DEFINITION, None)
    if function is None:
        raise DeclarationError(f"{getattr(method, '__name__', method)} is not a saga; decorate it with @saga")
    return _compile(function)


def is_saga(method: Any) -> bool:
    """Tell whether `method` was declared with `@saga`."""
    return hasattr(method, _DEFINITION)
