"""A request as bytes (RFC 9112 §2.1). Pure."""

from __future__ import annotations

from typing import Final

from atoll.clients.port import Request

_OWN: Final = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


def encode_request(request: Request, host: str) -> bytes:
    """Return the bytes of `request` for the server `host` (host:port).

    Raises ValueError when a part of the header would break out of its line, or sets a field that is the
    transport's own.
    """
    if not _OWN.isdisjoint(request.headers):
        raise ValueError(
            f"a request sets {', '.join(sorted(_OWN & set(request.headers)))}; leave that to the transport"
        )
    lines = [f"{request.method} {request.target} HTTP/1.1", f"host: {host}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    if request.body or request.method in _WITH_BODY:
        lines.append(f"content-length: {len(request.body)}")
    head = "\r\n".join(lines)
    if head.count("\r") != len(lines) - 1 or head.count("\n") != len(lines) - 1 or "\0" in head:
        raise ValueError(f"the header of {request.method} {request.target!r} contains a line break or NUL")
    if lines[0].count(" ") != 2:
        raise ValueError(f"the target {request.target!r} of a request contains a space; percent-encode it")
    return b"%b\r\n\r\n%b" % (head.encode("latin-1"), request.body)
