"""The little HTTP/1.1 that discovery needs: one request a connection, with a time and a size limit.

Discovery stands below `atoll.clients`, so it cannot use that package's pooled transport; and a registry is asked
a few times a minute, so it need not.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import httptools

MAX_HEAD: Final = 64 << 10
MAX_BODY: Final = 8 << 20
_CHUNK: Final = 64 << 10


class BadReply(ConnectionError):
    """What came back is not a whole HTTP reply within the limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. `verify` is for https: False takes any certificate."""

    method: str = "GET"
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    verify: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One reply; the names of `headers` are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def fetch(request: Request, *, timeout: float, limit: int = MAX_BODY, cut: bool = False) -> Reply:
    """Send `request` on a connection of its own and return the reply. Cancellable; redirects are not followed.

    `timeout` (seconds) is for the whole exchange. A body longer than `limit` bytes is cut there if `cut`, and
    otherwise an error. Every failure is an OSError: refused, reset, TimeoutError, BadReply.
    """
    try:
        parts = urlsplit(request.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        head = request_head(request)
    except ValueError as error:
        raise BadReply(f"{request.url!r} cannot be asked: {error}") from error
    tls = _tls(verify=request.verify) if parts.scheme == "https" else None
    async with asyncio.timeout(timeout):
        reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=tls)
        try:
            writer.write(head + request.body)
            await writer.drain()
            return await _read(reader, _Collector(request.method, limit, cut=cut))
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()


class _Collector:
    """Gathers what httptools finds in the bytes of a reply."""

    def __init__(self, method: str, limit: int, *, cut: bool) -> None:
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.done = False
        self._has_head = False
        self._bodiless = method == "HEAD"
        self._limit = limit
        self._cut = cut
        self._head_size = 0
        self.parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not self.done:
                raise BadReply(str(error.__context__ or error)) from error

    def end(self) -> None:
        """Take note that the peer has closed: the end of a reply that did not tell its length."""
        sized = "content-length" in self.headers or "transfer-encoding" in self.headers
        if not self._has_head or (sized and not self.done):
            raise BadReply("the connection was closed before the reply was whole")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_size += len(name) + len(value) + 4
        if self._head_size > MAX_HEAD:
            raise BadReply(f"the reply's headers are longer than {MAX_HEAD} bytes")
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._has_head = True
        self.done = self._bodiless

    def on_body(self, data: bytes) -> None:
        self.body += data
        if len(self.body) > self._limit:
            if not self._cut:
                raise BadReply(f"the reply is longer than {self._limit} bytes")
            del self.body[self._limit :]
            self.done = True

    def on_message_complete(self) -> None:
        self.done = True


async def _read(reader: asyncio.StreamReader, found: _Collector) -> Reply:
    while not found.done:
        data = await reader.read(_CHUNK)
        if not data:
            found.end()
            break
        found.feed(data)
    return Reply(status=found.parser.get_status_code(), headers=found.headers, body=bytes(found.body))


def request_head(request: Request) -> bytes:
    """Return the request line and headers. Raises ValueError when they cannot be written."""
    parts = urlsplit(request.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it is not an http:// or https:// address")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Host": parts.netloc.rpartition("@")[2], "Connection": "close", **request.headers}
    if request.body or request.method not in ("GET", "HEAD"):
        headers["Content-Length"] = str(len(request.body))
    lines = [f"{request.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if not all(line.isascii() and line.isprintable() for line in lines) or " " in target + request.method:
        raise ValueError("only printable ASCII may stand in an address, a method or a header")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _tls(*, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
