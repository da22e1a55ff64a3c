"""A uvicorn server inside our loop: our sockets, our signals, graceful end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Generator
from typing import Any, Final

import uvicorn

from atoll.core.errors import SettingsError

KEEP_ALIVE_SECONDS: Final = 75
"""Longer than our clients keep a connection, so that they close first."""


class _Embedded(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Signals belong to whoever runs the loop."""
        yield


class HttpServer:
    """Serves an ASGI application. Many of them live in one loop."""

    def __init__(self, app: Callable[..., Any], *, host: str, port: int, drain_seconds: float) -> None:
        self._listener = _listen(host, port)
        self.host = host
        self.port: int = self._listener.getsockname()[1]
        self._drain_seconds = drain_seconds
        self._server = _Embedded(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                date_header=False,
                ws="none",
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=max(1, round(drain_seconds)),
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to accept."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._listener]), name=f"http-{self.port}")
        while not self._server.started:
            if self._task.done():
                await self._task
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Accept no more, let requests in hand end within the drain time, close. Idempotent."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
            self._task = None
        self._listener.close()


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise SettingsError(
            [f"cannot listen on {host}:{port}: {error.strerror}; free the port or choose another"]
        ) from error
    listener.setblocking(False)
    return listener
