"""The gateway's routes and policy as typed values: what the compiler makes and the renderer reads."""

from __future__ import annotations

from dataclasses import dataclass

from atoll.contracts import Rate
from atoll.gateway.policy import Gateway


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A named allowance: routes with the same name draw on the same one, each caller for itself."""

    name: str
    rate: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The way to one operation. `safe`: it changes nothing. `timeout` in seconds, `max_body` in bytes.

    `token`: a valid access token is needed; `roles`: and it must hold one of these.
    """

    operation: str
    service: str
    method: str
    path: str
    token: bool
    roles: tuple[str, ...] = ()
    limit: Limit | None = None
    timeout: float = 10.0
    max_body: int = 1 << 20
    safe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A fixed document that the gateway serves itself, to anyone."""

    path: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything the gateway does, but for the endpoints. `routes` stand in the order they are tried.

    `services` are those that exist; the gateway reaches only the ones in `reached`.
    """

    gateway: Gateway
    services: tuple[str, ...]
    routes: tuple[Route, ...]
    pages: tuple[Page, ...] = ()

    @property
    def reached(self) -> tuple[str, ...]:
        """The services that routes lead to and keys come from, sorted."""
        keys = {self.gateway.jwt.service} if self.gateway.jwt else set[str]()
        return tuple(sorted(keys | {route.service for route in self.routes}))

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The distinct allowances, by name."""
        found = {route.limit.name: route.limit for route in self.routes if route.limit}
        return tuple(found[name] for name in sorted(found))
