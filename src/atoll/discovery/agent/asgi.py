"""The few ASGI exchanges the agent needs: read a body, send an answer, live and end with the server.

Source: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

from atoll.discovery.errors import RegistryRefused

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

MAX_BODY: Final = 512 << 10


class Disconnected(ConnectionError):
    """The client went away before its request was whole."""


async def read_body(receive: Receive) -> bytes:
    """Return the whole body. Raises RegistryRefused when it is too long, Disconnected when it never ends."""
    body = bytearray()
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise Disconnected("the client went away before its request was whole")
        body += event.get("body", b"")
        if len(body) > MAX_BODY:
            raise RegistryRefused(413, f"Request body too large, max size: {MAX_BODY} bytes")
        if not event.get("more_body", False):
            return bytes(body)


async def send_reply(send: Send, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Send one whole answer."""
    fields = {**headers, "content-length": str(len(body))}
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def live(
    receive: Receive, send: Send, start: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]
) -> None:
    """Start and stop with the server (ASGI lifespan)."""
    await receive()
    await start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await stop()
    await send({"type": "lifespan.shutdown.complete"})
