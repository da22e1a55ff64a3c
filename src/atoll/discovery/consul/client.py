"""The calls of Consul's HTTP API that a registry needs, each on a connection of its own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from atoll.core.errors import SettingsError
from atoll.discovery.consul.wire import Answer, read_answer, registration
from atoll.discovery.durations import format_duration
from atoll.discovery.errors import RegistryClosed, RegistryRefused, RegistryUnreachable
from atoll.discovery.http import Reply, Request, fetch
from atoll.discovery.port import Instance

TIMEOUT: Final = 5.0
WAIT: Final = 60.0
"""The longest blocking query: a registry that vanished without a word is noticed within this and a little more."""

PORT: Final = 8500


class ConsulClient:
    """Speaks to the agent at `consul://[:TOKEN@]HOST[:PORT]`. Raises SettingsError for another kind of URL."""

    def __init__(self, url: str) -> None:
        self._base, self._headers = _parse(url)
        self._asking: set[asyncio.Task[Reply]] = set()
        self._closed = False

    async def register(self, instance: Instance, *, ready: bool) -> None:
        """Register an instance in the place of the one with its id; `ready`: it passes until its check has run."""
        path = "/v1/agent/service/register?replace-existing-checks=true"
        _check(await self._ask("PUT", path, registration(instance, ready=ready)))

    async def deregister(self, instance_id: str) -> None:
        """Take an instance out; one that is not there is no error."""
        reply = await self._ask("PUT", f"/v1/agent/service/deregister/{_quoted(instance_id)}")
        if reply.status != HTTPStatus.NOT_FOUND:
            _check(reply)

    async def is_registered(self, instance_id: str) -> bool:
        """Tell whether the agent has an instance of that id."""
        reply = await self._ask("GET", f"/v1/agent/service/{_quoted(instance_id)}")
        if reply.status != HTTPStatus.NOT_FOUND:
            _check(reply)
        return reply.status == HTTPStatus.OK

    async def passing(self, service: str, *, index: int = 0) -> Answer:
        """Return the passing instances; with an `index` once they changed since, or after WAIT seconds."""
        parameters: dict[str, str] = {"passing": "true"}
        timeout = TIMEOUT
        if index:
            parameters |= {"index": str(index), "wait": format_duration(WAIT)}
            timeout += WAIT * (1 + 1 / 16)  # Consul adds as much to a wait, so that waiters do not come back together
        path = f"/v1/health/service/{_quoted(service)}?{urlencode(parameters)}"
        reply = await self._ask("GET", path, timeout=timeout)
        _check(reply)
        try:
            return read_answer(reply.body, reply.headers)
        except ValueError as error:
            raise RegistryUnreachable(self._base, str(error)) from error

    async def close(self) -> None:
        """Drop every connection; who waits for an answer gets RegistryClosed. Idempotent."""
        self._closed = True
        for each in self._asking:
            each.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    async def _ask(self, method: str, path: str, body: bytes = b"", *, timeout: float = TIMEOUT) -> Reply:
        if self._closed:
            raise RegistryClosed
        request = Request(method=method, url=self._base + path, headers=self._headers, body=body)
        asking = asyncio.create_task(fetch(request, timeout=timeout))
        self._asking.add(asking)
        try:
            return await asking
        except asyncio.CancelledError:
            if self._was_closed():
                raise RegistryClosed from None
            raise
        except OSError as error:
            raise RegistryUnreachable(self._base, str(error) or f"within {timeout:g} s") from error
        finally:
            self._asking.discard(asking)

    def _was_closed(self) -> bool:
        """Tell whether it is `close` that cancelled what the current task waits for, and not its own owner."""
        task = asyncio.current_task()
        return self._closed and not (task and task.cancelling())


def _parse(url: str) -> tuple[str, Mapping[str, str]]:
    try:
        parts = urlsplit(url)
        port = parts.port or PORT
    except ValueError:
        parts, port = urlsplit(""), PORT
    if parts.scheme != "consul" or not parts.hostname or parts.path.strip("/"):
        shown = re.sub(r":[^:@/]*@", ":…@", url)
        raise SettingsError([f"the registry URL is {shown!r}, but must be written consul://HOST:PORT"])
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"http://{host}:{port}", {"X-Consul-Token": parts.password} if parts.password else {}


def _check(reply: Reply) -> None:
    if reply.status != HTTPStatus.OK:
        raise RegistryRefused(reply.status, reply.body[:500].decode("utf-8", "replace").strip())


def _quoted(segment: str) -> str:
    return quote(segment, safe="")
