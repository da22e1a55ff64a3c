"""The rules a system's declaration must keep, as sentences about what breaks them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, get_type_hints

from atoll.contracts import is_contract
from atoll.core.errors import DeclarationError
from atoll.system.replicas import replica_problems

if TYPE_CHECKING:
    from atoll.service import Service
    from atoll.system.declaration import System

_NAME: Final = re.compile(r"[a-z][a-z0-9-]*")


def problems_of(system: System) -> list[str]:
    """Return a sentence for everything that is wrong with `system`; an empty list when it can run."""
    services = [each for each in system.services if _is_service(each)]
    problems = [
        f"{_called(each)} is not a service; name a class that is written `class Name(Service, ItsContract)`"
        for each in system.services
        if each not in services
    ]
    problems += [*_names(system, services), *_unserved(system, services)]
    return problems + list(replica_problems(system, system.replicas))


def _names(system: System, services: Iterable[type[Service]]) -> list[str]:
    parts = [*(each.name for each in services), *(each.name for each in system.programs)]
    problems = [
        f"{name!r} cannot name a system, a service or a program; use lower-case letters, digits and '-'"
        for name in (system.name, *parts)
        if not _NAME.fullmatch(name)
    ]
    if not system.services:
        problems.append(f"system {system.name!r} has no services; name at least one")
    problems += [
        f"system {system.name!r} has two services or programs called {repeated!r}; name each its own"
        for repeated in _repeated(parts)
    ]
    return problems + [
        f"system {system.name!r} has two invariants called {repeated!r}; give each its own name"
        for repeated in _repeated(each.name for each in system.invariants)
    ]


def _unserved(system: System, services: Iterable[type[Service]]) -> list[str]:
    """What is asked for and neither implemented nor provided."""
    problems: list[str] = []
    known = {base for each in services for base in each.__mro__ if is_contract(base)}
    for provider in system.providers:
        try:
            known.add(_provided(provider))
        except DeclarationError as error:
            problems.append(str(error))
    return problems + [
        f"{service.__name__} asks for {asked.__name__} as {parameter!r}, but no service of system "
        f"{system.name!r} implements it; add the service, or a provider that returns {asked.__name__}"
        for service in services
        for parameter, asked in _asked(service).items()
        if asked not in known
    ]


def _is_service(thing: object) -> bool:
    from atoll.service import Service

    return isinstance(thing, type) and issubclass(thing, Service)


def _provided(provider: Callable[..., Any]) -> Any:
    from atoll.service import provided_type

    return provided_type(provider)


def _asked(service: type[Service]) -> dict[str, type[Any]]:
    """The contracts a constructor asks for; one that cannot be read is told of by the service's own start."""
    try:
        hints = get_type_hints(service.__init__)
    except (NameError, TypeError):
        return {}
    return {name: hint for name, hint in hints.items() if name != "return" and is_contract(hint)}


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _called(thing: object) -> str:
    return str(getattr(thing, "__name__", repr(thing)))
