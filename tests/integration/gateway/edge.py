"""A gateway before one small service and an issuer of tokens, as the tests of this folder share it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx
import msgspec

from atoll.contracts import ContractSpec, Rate, command, contract, query, spec_of
from atoll.core import SystemClock
from atoll.gateway import Cors, EnvoyProcess, Gateway, Jwt, compile_routes
from atoll.security import SigningKeys, access_token
from tests.integration.gateway.upstream import Answer, Received, Upstream

ISSUER = "https://auth.test"
AUDIENCE = "library"
PAGE = "https://library.test"
KEYS = SigningKeys.generate(clock=SystemClock())


class Book(msgspec.Struct):
    title: str = ""


@contract("auth")
class Auth(Protocol):
    @command("POST /tokens", public=True, anonymous=True, limit=Rate(requests=3, seconds=30))
    async def sign_in(self, request: Book) -> Book: ...


@contract("library")
class Library(Protocol):
    @query("GET /books", public=True, anonymous=True)
    async def books(self) -> Book: ...

    @query("GET /books/{book_id}", public=True, anonymous=True)
    async def book(self, book_id: str) -> Book: ...

    @query("GET /books/best", public=True, anonymous=True)
    async def best(self) -> Book: ...

    @query("GET /books/{book_id}/pages/{page}", public=True)
    async def page(self, book_id: str, page: int) -> Book: ...

    @command("POST /books", public=True, max_body=1000)
    async def donate(self, request: Book) -> Book: ...

    @command("DELETE /books/{book_id}", public=True, roles=["librarian", "director"])
    async def discard(self, book_id: str) -> None: ...

    @query("GET /loans", public=True, limit=Rate(requests=3, seconds=30))
    async def loans(self) -> Book: ...

    @query("GET /slow", public=True, anonymous=True, timeout=0.5)
    async def slow(self) -> Book: ...

    @query("GET /cellar")
    async def cellar(self) -> Book: ...


CONTRACTS: list[ContractSpec] = [spec_of(Auth), spec_of(Library)]
POLICY = Gateway(jwt=Jwt(issuer=ISSUER, audience=AUDIENCE), cors=Cors(origins=(PAGE,)))


def token(
    subject: str = "reader", *, roles: tuple[str, ...] = (), audience: str = AUDIENCE, lifetime: float = 900.0
) -> str:
    return access_token(
        KEYS,
        issuer=ISSUER,
        audience=audience,
        subject=subject,
        roles=roles,
        lifetime=lifetime,
        clock=SystemClock(),
    )


def token_without_end() -> str:
    return KEYS.sign({"iss": ISSUER, "aud": AUDIENCE, "sub": "reader"})


def bearer(value: str) -> dict[str, str]:
    return {"authorization": f"Bearer {value}"}


async def issuer(request: Received) -> Answer:
    """The behaviour of the service `auth`."""
    return Answer(body=json.dumps(KEYS.jwks() if request.path == "/.well-known/jwks.json" else {}).encode())


@dataclass(frozen=True)
class Edge:
    """A running gateway, a client of it, and the services `auth` and `library` behind it."""

    envoy: EnvoyProcess
    http: httpx.AsyncClient
    auth: Upstream
    library: Upstream


@asynccontextmanager
async def running_edge(directory: Path, policy: Gateway = POLICY, **pages: Any) -> AsyncIterator[Edge]:
    async with Upstream("auth", issuer) as auth, Upstream("library") as library:
        envoy = EnvoyProcess(compile_routes(CONTRACTS, policy, **pages), directory, concurrency=1)
        await envoy.start({"auth": [auth.instance("auth")], "library": [library.instance("library")]})
        try:
            async with httpx.AsyncClient(base_url=envoy.url) as http:
                yield Edge(envoy, http, auth, library)
        finally:
            await envoy.stop()


async def eventually(condition: Callable[[], bool], *, within: float = 5.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not become true in time"
        await asyncio.sleep(0.005)
