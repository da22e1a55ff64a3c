"""`@saga`: marks a method as durable, without changing how it looks to its callers."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast, get_type_hints, overload

from atoll.contracts import Event
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
    version: int
    waits_for: tuple[type[Event], ...]
    function: Callable[..., Coroutine[Any, Any, Any]]
    input: Any
    result: Any


@overload
def saga(
    function: Callable[Concatenate[S, Saga, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[S, P], CoroutineType[Any, Any, T]]: ...


@overload
def saga(
    *, name: str = "", version: int = 1, waits_for: Sequence[type[Event]] = ()
) -> Callable[
    [Callable[Concatenate[S, Saga, P], Coroutine[Any, Any, T]]],
    Callable[Concatenate[S, P], CoroutineType[Any, Any, T]],
]: ...


def saga(
    function: Callable[..., Coroutine[Any, Any, Any]] | None = None,
    *,
    name: str = "",
    version: int = 1,
    waits_for: Sequence[type[Event]] = (),
) -> Any:
    """Make `async def name(self, s: Saga, input)` durable: it resumes where it was after a crash.

    To its callers it is `name(input)`, so it may implement a command of a contract. Calling it starts the saga,
    or attaches to the one that the idempotency key in the context belongs to, and waits for the outcome: the
    result, or the Problem that made it compensate. Raises SagaRunning when the deadline comes first, SagaParked,
    SagaFailed or KeyReused. What it does between steps must not depend on time, chance or tables: on resumption
    the function runs again from its start, with recorded steps answered from the journal.

    `@saga(version=2)` is new code for a saga that has changed; the old code stays beside it under another name,
    `@saga(name="checkout", version=1) async def checkout_v1`, and finishes what began with it. `waits_for` lists
    the events that `Saga.wait_for` is called with.
    """
    if function is None:
        return functools.partial(_saga, name=name, version=version, waits_for=tuple(waits_for))
    return _saga(function, name=name, version=version, waits_for=tuple(waits_for))


def _saga(
    function: Callable[..., Coroutine[Any, Any, Any]], *, name: str, version: int, waits_for: tuple[type[Event], ...]
) -> Callable[..., CoroutineType[Any, Any, Any]]:
    if version < 1:
        raise DeclarationError(f"saga {function.__qualname__}: version={version}, but versions count from 1")

    default = tuple(
        each.default for each in inspect.signature(function).parameters.values() if each.default is not each.empty
    )

    @functools.wraps(function)
    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        engine: SagaEngine | None = getattr(self, ENGINE, None)
        if engine is None:
            raise DeclarationError(f"{function.__name__} is a saga and needs a running service; see atoll.testing")
        (request,) = (*args, *kwargs.values()) or default
        return await engine.call(definition_of(call), request)

    setattr(call, _DEFINITION, (function, name or function.__name__, version, waits_for))
    # Pyright knows a coroutine function's result as CoroutineType and mypy as Coroutine; the first is also the second.
    return cast("Callable[..., CoroutineType[Any, Any, Any]]", call)


@functools.cache
def _compile(
    function: Callable[..., Coroutine[Any, Any, Any]], name: str, version: int, waits_for: tuple[type[Event], ...]
) -> SagaDefinition:
    hints = get_type_hints(function)
    arguments = [kind for name, kind in hints.items() if name != "return"]
    if len(arguments) != 2 or "return" not in hints:
        raise DeclarationError(
            f"saga {function.__qualname__} must look like `async def name(self, s: Saga, input: Input) -> Result`"
        )
    return SagaDefinition(
        name=name,
        version=version,
        waits_for=waits_for,
        function=function,
        input=arguments[1],
        result=hints["return"],
    )


def definition_of(method: Callable[..., Any]) -> SagaDefinition:
    """Return what was declared. Raises DeclarationError when `method` is not a saga."""
    declared = getattr(method, _DEFINITION, None)
    if declared is None:
        raise DeclarationError(f"{getattr(method, '__name__', method)} is not a saga; decorate it with @saga")
    return _compile(*declared)


def is_saga(method: Any) -> bool:
    """Tell whether `method` was declared with `@saga`."""
    return hasattr(method, _DEFINITION)


def sagas_of(service: type[Any]) -> list[SagaDefinition]:
    """Return the sagas that a class declares. Raises DeclarationError for two of one name and version."""
    found: dict[tuple[str, int], SagaDefinition] = {}
    for name in dir(service):
        if is_saga(method := getattr(service, name)):
            definition = definition_of(method)
            if found.setdefault((definition.name, definition.version), definition) is not definition:
                raise DeclarationError(
                    f"{service.__name__} has two sagas {definition.name} of version {definition.version}; "
                    "give the newer one the next version"
                )
    return list(found.values())
