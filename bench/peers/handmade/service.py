"""What every service has: its tables, the broker, an HTTP client for the others, and one life for them all."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, TypeVar

import httpx
from fastapi import Depends, FastAPI, Header
from pydantic import BaseModel
from sqlalchemy import func, select

from peers.handmade import settings
from peers.handmade.broker import Handler, broker
from peers.handmade.database import Base, open_database, sessions
from peers.handmade.messages import Event

M = TypeVar("M", bound=BaseModel)
Seed = tuple[type[Base], Callable[[], list[Base]]]

JSON = {"content-type": "application/json"}

http = httpx.AsyncClient(timeout=20.0)


def create_app(
    name: str,
    *,
    seed: Seed | None = None,
    handlers: Mapping[type[Event], Handler] | None = None,
    parallel: bool = False,
) -> FastAPI:
    """Return the application of a service; `seed` fills a table when it is empty."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            engine = await open_database(settings.DATA / f"{name}.db")
            stack.push_async_callback(engine.dispose)
            await broker.connect(settings.NATS_URL, name)
            stack.push_async_callback(broker.close)
            stack.push_async_callback(http.aclose)
            if seed is not None:
                await _fill(*seed)
            if handlers:
                consuming = asyncio.create_task(broker.consume(handlers, parallel=parallel))
                stack.push_async_callback(_end, consuming)
            yield

    return FastAPI(title=name, lifespan=life)


async def post(url: str, body: BaseModel, answer: type[M]) -> M:
    """Ask another service. Raises httpx.HTTPError for anything but success."""
    response = await http.post(url, content=body.model_dump_json(), headers=JSON)
    response.raise_for_status()
    return answer.model_validate_json(response.content)


def current_user(authorization: Annotated[str, Header()]) -> str:
    """Return who asks; the gateway has verified the token."""
    payload = authorization.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"])


User = Annotated[str, Depends(current_user)]


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _fill(table: type[Base], rows: Callable[[], list[Base]]) -> None:
    async with sessions.begin() as session:
        if not await session.scalar(select(func.count()).select_from(table)):
            session.add_all(rows())
