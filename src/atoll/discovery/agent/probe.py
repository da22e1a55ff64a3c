"""One probe of a check: ask the service over HTTP or connect to it, and say what that means.

An HTTP status of 2xx is passing, 429 warning, any other critical; so is no answer.
Source: https://developer.hashicorp.com/consul/api-docs/agent/check
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from atoll.discovery.agent.records import CheckDefinition, Outcome, Status
from atoll.discovery.http import Request, fetch

MAX_OUTPUT: Final = 4096


async def probe(check: CheckDefinition) -> Outcome:
    """Probe `check` once, within its timeout. Never raises but when cancelled."""
    try:
        return await (_ask(check) if check.kind == "http" else _connect(check))
    except TimeoutError:
        return Outcome(status="critical", output=f"{check.target}: no answer within {check.timeout:g} s")
    except OSError as error:
        return Outcome(status="critical", output=f"{check.target}: {error}")


def status_of(code: int) -> Status:
    """Return what the HTTP status `code` of a check means."""
    return "passing" if 200 <= code < 300 else "warning" if code == HTTPStatus.TOO_MANY_REQUESTS else "critical"


async def _ask(check: CheckDefinition) -> Outcome:
    request = Request(
        method=check.method,
        url=check.target,
        headers={"User-Agent": "Atoll Health Check", "Accept": "text/plain, text/*, */*", **check.headers},
        body=check.body.encode(),
        verify=check.verify,
    )
    reply = await fetch(request, timeout=check.timeout, limit=MAX_OUTPUT, cut=True)
    text = reply.body.decode("utf-8", "replace")
    return Outcome(
        status=status_of(reply.status),
        output=f"HTTP {check.method} {check.target}: {reply.status} {_phrase(reply.status)} Output: {text}",
    )


async def _connect(check: CheckDefinition) -> Outcome:
    address = urlsplit(f"tcp://{check.target}")
    async with asyncio.timeout(check.timeout):
        _, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.close()
    return Outcome(status="passing", output=f"TCP connect {check.target}: Success")


def _phrase(code: int) -> str:
    return next((each.phrase for each in HTTPStatus if each == code), "")
