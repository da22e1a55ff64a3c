"""HTTP/1.1 between services: a small pooled transport on asyncio and httptools."""

from atoll.clients.transport.limits import Limits
from atoll.clients.transport.transport import HTTPTransport

__all__ = ["HTTPTransport", "Limits"]
