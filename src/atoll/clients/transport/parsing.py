"""A reply from bytes, within limits, whatever the boundaries of the chunks they come in. No I/O.

httptools (llhttp, strict) does the grammar: it refuses both lengths at once, bad chunk sizes, bare line feeds.
"""

from __future__ import annotations

import httptools

from atoll.clients.errors import ConnectionFailed, MalformedReply
from atoll.clients.port import Reply
from atoll.clients.transport.limits import Limits

_CHUNK_OVERHEAD = 16
"""Framing bytes allowed for each byte of a chunked body: "1\\r\\nx\\r\\n" has 5, and some servers pad."""


class ReplyParser:
    """Parses the replies of one connection, one after the other: `begin`, then `feed` until `reply` is there."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parser = httptools.HttpResponseParser(self)
        self.reply: Reply | None = None
        self.started = False
        self.reusable = True
        """False once the connection must not carry another request."""
        self._head = False
        self._reset()

    def begin(self, method: str) -> None:
        """Expect the reply to a request with `method`."""
        self.reply = None
        self.started = False
        self._head = method == "HEAD"
        self._fed = self._body_size = 0
        self._reset()

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises MalformedReply when they are no reply or too much of one."""
        self.started = True
        self._fed += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise MalformedReply("the server switched to another protocol, which was not asked for") from None
        except httptools.HttpParserError as error:
            self.reusable = False
            if self.reply is None:
                raise MalformedReply(f"the server sent something that is not an HTTP reply: {error}") from error
        self._check_limits()

    def end(self) -> None:
        """The server has closed its side. Raises ConnectionFailed unless that is how this reply ends."""
        self.reusable = False
        if self.reply is None and self._until_close:
            self.on_message_complete()
        if self.reply is None:
            message = "in the middle of its reply" if self.started else "without an answer"
            raise ConnectionFailed(f"the server closed the connection {message}", sent=True, answered=self.started)

    def on_message_begin(self) -> None:
        if self.reply is not None:
            raise ValueError("a second reply")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_body:
            return  # a trailer; RFC 9110 §6.5.1: not to be merged into the header
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        known = self._headers.get(key)
        self._headers[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        self._status = status = self._parser.get_status_code()
        if status < 100:
            raise ValueError(status)
        self._in_body = True
        framed = "content-length" in self._headers or "chunked" in self._headers.get("transfer-encoding", "").lower()
        self._until_close = not framed and status >= 200 and status not in {204, 304}
        if self._head and status >= 200:
            self.on_message_complete()
            self.reusable = False  # the parser goes on to expect a body

    def on_body(self, data: bytes) -> None:
        self._body_size += len(data)
        self._body.append(data)

    def on_message_complete(self) -> None:
        if self._status < 200:
            self._reset()  # an interim reply (1xx); the final one follows
        elif self.reply is None:
            self.reusable = self.reusable and self._parser.should_keep_alive()
            self.reply = Reply(status=self._status, headers=self._headers, body=b"".join(self._body))

    def _reset(self) -> None:
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._in_body = self._until_close = False

    def _check_limits(self) -> None:
        if self._body_size > self._limits.max_body:
            raise MalformedReply(f"the body of the reply is larger than {self._limits.max_body} bytes")
        if self._fed - self._body_size > self._limits.max_header + _CHUNK_OVERHEAD * self._body_size:
            raise MalformedReply(f"the header of the reply is larger than {self._limits.max_header} bytes")
