"""The few things we ask of Envoy's administration interface."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import msgspec

from atoll.clients.errors import CallError
from atoll.clients.port import Reply, Request
from atoll.clients.transport import HTTPTransport
from atoll.discovery.port import Instance
from atoll.gateway.errors import EnvoyFailed
from atoll.gateway.render.names import LISTENER, STAT_PREFIX

_SECONDS: Final = 2.0
_CHANGES: Final = r"\.(version_text|update_rejected|update_failure)$"
_ACTIVE: Final = f"http.{STAT_PREFIX}.downstream_rq_active"


class _Statistic(msgspec.Struct):
    name: str = ""
    value: int | str = ""


class _Statistics(msgspec.Struct):
    stats: list[_Statistic]


class _SocketAddress(msgspec.Struct):
    port_value: int


class _Address(msgspec.Struct):
    socket_address: _SocketAddress


class _Listener(msgspec.Struct):
    name: str
    local_address: _Address


class _Listeners(msgspec.Struct):
    listener_statuses: list[_Listener] = []


class Admin:
    """Envoy's administration interface at `host:port`. Everything raises EnvoyFailed when there is no answer."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._instance = Instance(id="envoy-admin", service="envoy-admin", host=host, port=int(port))
        self._transport = HTTPTransport()

    async def ready(self) -> bool:
        """Tell whether Envoy has its configuration and takes requests."""
        return (await self._ask("GET", "/ready")).status == 200

    async def port(self) -> int:
        """Return the port of the public listener, 0 when it does not listen."""
        reply = await self._ask("GET", "/listeners?format=json")
        listeners = msgspec.json.decode(reply.body, type=_Listeners).listener_statuses
        return next((each.local_address.socket_address.port_value for each in listeners if each.name == LISTENER), 0)

    async def changes(self) -> tuple[dict[str, str], int]:
        """Return the applied version by the name of its statistic, and how many updates Envoy refused so far."""
        found = await self._statistics(_CHANGES)
        versions = {name: value for name, value in found.items() if isinstance(value, str)}
        return versions, sum(value for value in found.values() if isinstance(value, int))

    async def active(self) -> int:
        """Return how many requests are under way."""
        return sum(int(value) for value in (await self._statistics(f"^{_ACTIVE}$")).values())

    async def drain(self) -> None:
        """Close the listening sockets; requests under way go on."""
        await self._ask("POST", "/drain_listeners")

    async def close(self) -> None:
        """Close the connections to it. Idempotent."""
        await self._transport.close()

    async def _statistics(self, pattern: str) -> dict[str, int | str]:
        reply = await self._ask("GET", f"/stats?format=json&filter={quote(pattern)}")
        return {each.name: each.value for each in msgspec.json.decode(reply.body, type=_Statistics).stats}

    async def _ask(self, method: str, target: str) -> Reply:
        request = Request(method=method, target=target, replayable=True)
        try:
            return await self._transport.send(self._instance, request, timeout=_SECONDS)
        except CallError as error:
            raise EnvoyFailed(f"Envoy does not answer its administrator ({error})") from error
