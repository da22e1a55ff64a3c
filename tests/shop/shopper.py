"""A person with an HTTP client at the shop's gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final
from uuid import uuid4

import msgspec
from aiohttp import ClientSession

ADMIN_PASSWORD: Final = "let me in, please"
PASSWORD: Final = "correct horse"
GOOD_CARD: Final = "tok_visa_4242"
ADDRESS: Final = {
    "name": "Ann",
    "street": "1 High Street",
    "city": "York",
    "postcode": "YO1 7HH",
    "country": "GB",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    document: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> Any:
        return self.document["code"]


class Shopper:
    """One person; `token` is theirs once they have signed in."""

    def __init__(self, session: ClientSession, token: str = "", refresh_token: str = "", email: str = "") -> None:
        self.session = session
        self.token = token
        self.refresh_token = refresh_token
        self.email = email

    async def get(self, path: str) -> Answer:
        return await self.send("GET", path)

    async def send(self, method: str, path: str, body: object = None, *, key: str = "", raw: bytes = b"") -> Answer:
        """Send one request, once."""
        headers = {"content-type": "application/json"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        if key:
            headers["idempotency-key"] = key
        data = BytesIO(raw) if raw else None if body is None else BytesIO(msgspec.json.encode(body))
        async with self.session.request(method, path, data=data, headers=headers) as response:
            content = await response.read()
            document = msgspec.json.decode(content) if content else None
            return Answer(response.status, document, response.headers)

    async def customer(self) -> Shopper:
        """Register somebody new and return them, signed in."""
        email = f"{uuid4().hex}@example.org"
        ticket = await self.send("POST", "/credentials", {"password": PASSWORD})
        body = {"email": email, "credential": ticket.document["credential"], "name": "Ann", "country": "GB"}
        registered = await self.send("POST", "/users", body)
        assert registered.status == 201, registered
        return await self.signed_in(email, PASSWORD)

    async def signed_in(self, email: str, password: str) -> Shopper:
        answer = await self.send("POST", "/sessions", {"email": email, "password": password})
        assert answer.status == 201, answer
        tokens = answer.document
        return Shopper(self.session, tokens["access_token"], tokens["refresh_token"], email)

    async def put(self, sku: str, quantity: int = 1) -> Answer:
        return await self.send("PUT", f"/cart/lines/{sku}", {"quantity": quantity})

    async def check_out(self, card: str = GOOD_CARD, *, key: str = "", **address: str) -> Answer:
        body = {"card": card, "address": ADDRESS | address}
        return await self.send("POST", "/checkout", body, key=key)

    async def bought(self, sku: str, quantity: int = 1) -> dict[str, Any]:
        """Buy something and return the order."""
        await self.put(sku, quantity)
        answer = await self.check_out()
        assert answer.status == 200, answer
        order: dict[str, Any] = answer.document
        return order


async def eventually(look: Callable[[], Awaitable[bool]], *, seconds: float = 15.0) -> None:
    """Return once `look` is true: what follows an event is true a moment later. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await look():  # noqa: ASYNC110 - only the gateway can be asked, so it is asked again
            await asyncio.sleep(0.02)
