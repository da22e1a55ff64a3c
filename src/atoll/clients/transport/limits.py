"""How much a transport takes from a server, and how many connections it keeps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bytes of a reply's header and body, connections per address, seconds.

    `idle_timeout` must be below that of the servers (uvicorn's is 5 s), so that it is the client who closes and a
    request seldom meets a closing connection.
    """

    max_header: int = 64 << 10
    max_body: int = 16 << 20
    max_connections: int = 100
    idle_timeout: float = 3.0
    connect_timeout: float = 3.0
