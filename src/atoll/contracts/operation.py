"""One operation of a contract: the decorators that declare it and the record it is compiled to."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from atoll.contracts.problem import Problem

F = TypeVar("F", bound=Callable[..., Any])

Kind = Literal["command", "query"]
Place = Literal["path", "query", "body"]

REQUIRED: Final = inspect.Parameter.empty
MAX_BODY: Final = 1 << 20
ATTRIBUTE: Final = "__atoll_operation__"
"""Where a decorated function carries its Declaration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A limit of `requests` per `seconds`, held per subject when there is a token and per address otherwise."""

    requests: int
    seconds: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What a decorator was told about an operation, before the types are known."""

    kind: Kind
    route: str
    raises: tuple[type[Problem], ...]
    public: bool
    anonymous: bool
    roles: tuple[str, ...]
    limit: Rate | None
    timeout: float
    max_body: int = 0
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One argument of an operation and the place in the request it travels in."""

    name: str
    type: Any
    place: Place
    default: Any = REQUIRED

    @property
    def required(self) -> bool:
        return self.default is REQUIRED


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A compiled operation. `path` keeps its `{holes}`; `timeout` is in seconds, `max_body` in bytes.

    `public`: the gateway has a route to it. `anonymous`: it needs no token there. `roles`: the token must
    have one of them. `result` is None for an operation that answers nothing (204).
    """

    contract: str
    name: str
    kind: Kind
    method: str
    path: str
    parameters: tuple[Parameter, ...]
    result: Any
    status: int
    raises: tuple[type[Problem], ...] = ()
    public: bool = False
    anonymous: bool = False
    roles: tuple[str, ...] = ()
    limit: Rate | None = None
    timeout: float = 10.0
    max_body: int = MAX_BODY
    doc: str = ""

    @property
    def id(self) -> str:
        """`contract.name`, as the command line and the traces call it."""
        return f"{self.contract}.{self.name}"

    @property
    def body(self) -> Parameter | None:
        """The parameter that is the JSON body, if there is one."""
        return next((each for each in self.parameters if each.place == "body"), None)

    def placed(self, place: Place) -> tuple[Parameter, ...]:
        """The parameters that travel in `place`, in declared order."""
        return tuple(each for each in self.parameters if each.place == place)


def command(
    route: str,
    *,
    raises: Sequence[type[Problem]] = (),
    public: bool = False,
    anonymous: bool = False,
    roles: Sequence[str] = (),
    limit: Rate | None = None,
    timeout: float = 10.0,
    max_body: int = MAX_BODY,
    status: int | None = None,
) -> Callable[[F], F]:
    """Declare an operation that changes state: one local transaction, repeated safely under an idempotency key.

    `route` is `"METHOD /path/{parameter}"`. `raises` are the problems a caller may meet. `public` gives it a
    route at the gateway, which asks for a token unless `anonymous`, and for one of `roles` if any are named.
    `limit` is per subject or address. `timeout` (seconds) is the deadline when the caller gives none.
    `status` is that of success: 200, or 204 when nothing is returned.
    """
    return _mark(
        Declaration(
            kind="command",
            route=route,
            raises=tuple(raises),
            public=public,
            anonymous=anonymous,
            roles=tuple(roles),
            limit=limit,
            timeout=timeout,
            max_body=max_body,
            status=status,
        )
    )


def query(
    route: str,
    *,
    raises: Sequence[type[Problem]] = (),
    public: bool = False,
    anonymous: bool = False,
    roles: Sequence[str] = (),
    limit: Rate | None = None,
    timeout: float = 5.0,
) -> Callable[[F], F]:
    """Declare an operation that only reads: safe, so it may be retried. Its method is GET; see `command`."""
    return _mark(
        Declaration(
            kind="query",
            route=route,
            raises=tuple(raises),
            public=public,
            anonymous=anonymous,
            roles=tuple(roles),
            limit=limit,
            timeout=timeout,
        )
    )


def _mark(declaration: Declaration) -> Callable[[F], F]:
    def mark(function: F) -> F:
        setattr(function, ATTRIBUTE, declaration)
        return function

    return mark
