"""One request to a running system."""

from __future__ import annotations

import json
from typing import Any

import httpx


async def ask(url: str, body: Any = None, *, timeout: float = 10.0) -> Any:
    """GET, or POST when there is a body; return the JSON of a 200, None for everything else."""
    async with httpx.AsyncClient(timeout=timeout) as client:
        try:
            reply = await (client.get(url) if body is None else client.post(url, content=json.dumps(body)))
        except httpx.TransportError:
            return None
    return reply.json() if reply.status_code == 200 else None
