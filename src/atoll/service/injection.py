"""Constructor injection by type."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, get_args, get_origin, get_type_hints

from atoll.contracts import is_contract, spec_of
from atoll.core.errors import DeclarationError

Provider = Callable[..., Any]


def parameters_of(function: Callable[..., Any], owner: str) -> dict[str, Any]:
    """Return the types of a constructor's or provider's parameters by name. Raises DeclarationError for one without."""
    hints = get_type_hints(function)
    wanted: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name == "self" or parameter.default is not inspect.Parameter.empty:
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if name not in hints:
            raise DeclarationError(f"{owner}: parameter {name!r} needs a type, by which it is injected")
        wanted[name] = hints[name]
    return wanted


def dependencies_of(service: type[Any]) -> tuple[str, ...]:
    """Return the names of the services that `service` calls: the contracts its constructor asks for."""
    wanted = parameters_of(service.__init__, service.__name__).values() if _has_constructor(service) else ()
    return tuple(spec_of(kind).name for kind in wanted if is_contract(kind))


def provided_type(provider: Provider) -> Any:
    """Return the type a provider gives: its return annotation, or the `T` of `AsyncIterator[T]`."""
    result = get_type_hints(provider).get("return")
    if result is None:
        raise DeclarationError(f"provider {getattr(provider, '__name__', provider)} must say what it returns")
    if get_origin(result) in (AsyncIterator, AsyncGenerator):
        return get_args(result)[0]
    return result


class Injector:
    """Makes services from what is known by type; providers are run once, when first asked for.

    `close` ends them in reverse order.
    """

    def __init__(self, known: Mapping[Any, Any], clients: Callable[[Any], Any], providers: Iterable[Provider]) -> None:
        self._known = dict(known)
        self._clients = clients
        self._providers = {provided_type(each): each for each in providers}
        self._stack = AsyncExitStack()

    async def make(self, service: type[Any]) -> Any:
        """Call the constructor. Raises DeclarationError naming a parameter that nobody provides."""
        wanted = parameters_of(service.__init__, service.__name__) if _has_constructor(service) else {}
        return service(**await self._resolve(wanted, service.__name__))

    async def share(self, kind: type[Any]) -> Any:
        """Make one of `kind`, which whoever asks for the type gets from then on."""
        self._known[kind] = made = await self.make(kind)
        return made

    async def get(self, kind: type[Any], owner: str) -> Any:
        """Return what is known or provided for a type. Raises DeclarationError naming who asks for what nobody has."""
        return await self._get(kind, owner)

    def find(self, kind: type[Any]) -> Any:
        """Return what was made or is known of a type, or None."""
        return self._known.get(kind)

    async def close(self) -> None:
        await self._stack.aclose()

    async def _resolve(self, wanted: Mapping[str, Any], owner: str) -> dict[str, Any]:
        return {name: await self._get(kind, f"{owner}({name})") for name, kind in wanted.items()}

    async def _get(self, kind: Any, where: str) -> Any:
        if kind in self._known:
            return self._known[kind]
        if is_contract(kind):
            return self._clients(kind)
        if kind not in self._providers:
            raise DeclarationError(
                f"{where} asks for {getattr(kind, '__name__', kind)}, which nobody provides; "
                "add a provider to the System, or ask for a contract, Database, Clock or Settings"
            )
        self._known[kind] = await self._provide(self._providers[kind])
        return self._known[kind]

    async def _provide(self, provider: Provider) -> Any:
        name = getattr(provider, "__name__", str(provider))
        arguments = await self._resolve(parameters_of(provider, name), name)
        if inspect.isasyncgenfunction(provider):
            return await self._stack.enter_async_context(asynccontextmanager(provider)(**arguments))
        made = provider(**arguments)
        return await made if inspect.isawaitable(made) else made


def _has_constructor(service: type[Any]) -> bool:
    return any(
        "__init__" in vars(base) and not is_contract(base) for base in service.__mro__[:-1] if not _generic(base)
    )


def _generic(base: type[Any]) -> bool:
    return base.__module__ == "typing"
