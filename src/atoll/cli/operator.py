"""Asks the operator's endpoints of running services, and tells what they refuse in one sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from urllib.parse import quote

import msgspec

from atoll.cli.errors import CallFailed, UsageError
from atoll.cli.finding import pick
from atoll.clients import CallError, HTTPTransport
from atoll.clients.port import Request
from atoll.discovery import ServiceRegistry, open_registry
from atoll.system.state import State

T = TypeVar("T")

TIMEOUT: Final = 5.0


class Operator:
    """A way to the services `names` of one system."""

    def __init__(self, names: Sequence[str], registry: ServiceRegistry, transport: HTTPTransport) -> None:
        self.names = names
        self._registry = registry
        self._transport = transport

    async def ask(
        self, name: str, method: str, path: str, *, body: bytes = b"", timeout: float = TIMEOUT
    ) -> bytes | None:
        """Return the answer of the service `name`, None when it has no such thing. Raises CallFailed."""
        instances = await self._registry.discover(name)
        if not instances:
            raise CallFailed(f"no instance of {name} is ready; see: atoll ps, atoll logs {name}")
        request = Request(method=method, target=path, body=body, replayable=method == "GET")
        try:
            reply = await self._transport.send(instances[0], request, timeout=timeout)
        except CallError as error:
            raise CallFailed(f"{name} gave no answer: {error}; see: atoll logs {name}") from None
        if reply.status == 404:
            return None
        if reply.status >= 400:
            raise CallFailed(_reason(reply.body) or f"{name} answered {reply.status} to {path}; see: atoll logs {name}")
        return reply.body

    async def ask_each(self, path: str, kind: type[T]) -> list[tuple[str, T]]:
        """Return what those services answer that have the thing, by name."""
        answers = [(name, await self.ask(name, "GET", path)) for name in self.names]
        decoder = msgspec.json.Decoder(kind)
        return [(name, decoder.decode(body)) for name, body in answers if body is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection(Generic[T]):
    """What services keep below `path`, a `kind` under each id; `what` and the command that lists them name it."""

    path: str
    kind: type[T]
    what: str
    listing: str

    async def find(self, operator: Operator, key: str) -> tuple[str, T]:
        """Return who has it, and what that service says of it. Raises CallFailed for none, UsageError for several."""
        found = await operator.ask_each(self._target(key), self.kind)
        if not found:
            raise self._unknown(key)
        if len(found) > 1:
            names = ", ".join(name for name, _ in found)
            raise UsageError(f"{names} have a {self.what} {key}; choose one with --service")
        return found[0]

    async def change(
        self, operator: Operator, name: str, key: str, body: bytes, *, action: str = "", timeout: float = TIMEOUT
    ) -> bytes:
        """Have the service `name` do `action` with it, or put `body` in its place. Raises CallFailed."""
        method, target = ("POST", f"{self._target(key)}/{action}") if action else ("PUT", self._target(key))
        answer = await operator.ask(name, method, target, body=body, timeout=timeout)
        if answer is None:
            raise self._unknown(key)
        return answer

    def _target(self, key: str) -> str:
        return f"{self.path}/{quote(key, safe='')}"

    def _unknown(self, key: str) -> CallFailed:
        return CallFailed(f"no service has a {self.what} {key}; see: {self.listing}")


def operate(state: State, service: str, work: Callable[[Operator], Awaitable[T]]) -> T:
    """Run `work` with a way to all services of a running system, or to `service` alone. Raises UsageError."""
    names = pick(
        service, list(dict.fromkeys(each.name for each in state.processes if each.kind == "service")), "service"
    )
    return asyncio.run(_operate(state.registry_url, names, work))


async def _operate(registry_url: str, names: Sequence[str], work: Callable[[Operator], Awaitable[T]]) -> T:
    registry = open_registry(registry_url)
    try:
        async with HTTPTransport() as transport:
            return await work(Operator(names, registry, transport))
    finally:
        await registry.close()


class _Refusal(msgspec.Struct):
    detail: str
    status: int


def _reason(body: bytes) -> str:
    try:
        refusal = msgspec.json.decode(body, type=_Refusal)
    except msgspec.DecodeError:
        return ""
    return refusal.detail if refusal.status in (409, 422) else ""
