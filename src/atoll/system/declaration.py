"""A system: which services, gateway, providers and programs make up one whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from atoll.contracts import ContractSpec, is_contract, spec_of
from atoll.core.errors import DeclarationError
from atoll.system.validation import problems_of

if TYPE_CHECKING:
    from atoll.clients import Clients
    from atoll.gateway import Gateway
    from atoll.service import Service
    from atoll.system.load import Load


@dataclass(frozen=True, slots=True)
class Program:
    """A supporting process of a system on one machine: a third party's double, a mail catcher.

    Run as `python -m <module> --port P <args>` and ready when it accepts TCP connections on P. Every service
    finds it as `<NAME>_URL` in `Settings.environ`: `<scheme>://127.0.0.1:P`.
    """

    name: str
    module: str
    args: Sequence[str] = ()
    scheme: str = "http"

    @property
    def variable(self) -> str:
        """The environment variable that holds its address."""
        return f"{self.name.upper().replace('-', '_')}_URL"


@dataclass(frozen=True, slots=True)
class Invariant:
    """Something that must be true of a quiet system: `check` returns one sentence for each violation."""

    name: str
    check: Callable[[Clients], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True, init=False)
class System:
    """A whole made of services. The declaration is checked at once: DeclarationError lists all that is wrong.

    `providers` are functions whose return annotation names the type they provide to constructors; `programs`
    run beside the services; `invariants` can be checked by any tool, and `load` is what `atoll torture` puts on it.
    `replicas` says for a service how many processes of it the local platform runs, 1 unless it is named.
    Without a `gateway` there is none.
    """

    name: str
    services: tuple[type[Service], ...]
    gateway: Gateway | None
    providers: tuple[Callable[..., Any], ...]
    programs: tuple[Program, ...]
    invariants: tuple[Invariant, ...]
    load: Load | None
    replicas: Mapping[str, int] = field(hash=False)

    def __init__(
        self,
        name: str,
        *,
        services: Sequence[type[Service]],
        gateway: Gateway | None = None,
        providers: Sequence[Callable[..., Any]] = (),
        programs: Sequence[Program] = (),
        invariants: Sequence[Invariant] = (),
        load: Load | None = None,
        replicas: Mapping[str, int] | None = None,
    ) -> None:
        values: dict[str, object] = {
            "name": name,
            "services": tuple(services),
            "gateway": gateway,
            "providers": tuple(providers),
            "programs": tuple(programs),
            "invariants": tuple(invariants),
            "load": load,
            "replicas": dict(replicas or {}),
        }
        for name_, value in values.items():
            object.__setattr__(self, name_, value)
        if problems := problems_of(self):
            raise DeclarationError("\n".join(problems))

    @property
    def contracts(self) -> tuple[ContractSpec, ...]:
        """The contracts that the services implement, in the order of the services."""
        return tuple(spec_of(base) for each in self.services for base in each.__mro__ if is_contract(base))

    @property
    def by_name(self) -> Mapping[str, type[Service]]:
        """The service classes by their names."""
        return {each.name: each for each in self.services}
