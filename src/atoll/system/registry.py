"""The registry inside the supervisor: Consul's HTTP API on a free port."""

from __future__ import annotations

from atoll.discovery.agent import ConsulAgent
from atoll.service import HttpServer
from atoll.system.ports import LOOPBACK


class EmbeddedRegistry:
    """Serves `agent` while it is started."""

    def __init__(self) -> None:
        self.agent = ConsulAgent()
        self._server = HttpServer(self.agent, host=LOOPBACK, port=0, drain_seconds=1.0)

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{self._server.host}:{self._server.port}"

    @property
    def url(self) -> str:
        """What services are told."""
        return f"consul://{self.address}"

    async def start(self) -> None:
        """Begin to answer."""
        await self.agent.start()
        await self._server.start()

    async def stop(self) -> None:
        """Let waiting queries go and close. Idempotent."""
        await self.agent.close()
        await self._server.stop()
