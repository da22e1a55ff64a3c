"""Those who ask: under one key until there is an answer, of whatever life of the process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from atoll.clients import HTTPTransport, client
from atoll.clients.port import Request
from atoll.core import context as contexts
from atoll.core.errors import AtollError
from atoll.discovery import Instance
from tests.crash.nursery import Life
from tests.crash.rig import Rig
from tests.crash.system import Bank, Refused, Till

Ask = Callable[[Till, Bank], Awaitable[str]]

POLL_SECONDS: Final = 0.02
OPERATOR_SECONDS: Final = 10.0


class Client:
    """Asks the process that lives on `rig`. `awaited` is what it waits for."""

    def __init__(self, rig: Rig, case: str) -> None:
        self._rig = rig
        self._case = case
        self._transport = HTTPTransport()
        self.awaited = ""

    async def close(self) -> None:
        await self._transport.close()

    async def arm(self, where: str) -> None:
        """Tell the life that runs now where it ends, once: the reply may be what it dies of."""
        life = await self._alive()
        try:
            await self._ask(life, "arm", lambda _, bank: bank.arm(where))
        except AtollError:
            await asyncio.wait({life.ended})

    async def insist(self, what: str, ask: Ask) -> str:
        """Ask until there is an answer. Raises Refused."""
        self.awaited = f"answer to {what}"
        while True:
            life = await self._alive()
            try:
                return await self._ask(life, what, ask)
            except Refused:
                raise
            except AtollError:
                await asyncio.wait({life.ended}, timeout=POLL_SECONDS)

    async def operate(self, target: str, body: object) -> None:
        """Ask the till as its operator does, once; what comes of it shows."""
        life = await self._alive()
        try:
            request = Request(method="POST", target=target, body=msgspec.json.encode(body))
            await self._transport.send(_instance(life), request, timeout=OPERATOR_SECONDS)
        except (AtollError, asyncio.InvalidStateError):
            await asyncio.wait({life.ended}, timeout=POLL_SECONDS)

    async def until(self, what: str, holds: Callable[[], Awaitable[bool]]) -> None:
        """Wait until it holds."""
        self.awaited = what
        while not await holds():
            await asyncio.wait({self._rig.life.ended}, timeout=POLL_SECONDS)

    async def _alive(self) -> Life:
        """Wait for a life that is ready, or has ended before it was."""
        while True:
            life = self._rig.life
            await asyncio.wait({life.ready, life.ended}, return_when=asyncio.FIRST_COMPLETED)
            if not life.ended.done():
                return life
            await asyncio.sleep(0)

    async def _ask(self, life: Life, what: str, ask: Ask) -> str:
        urls = {name: f"http://{address}" for name, address in life.ready.result().items()}
        till = client(Till, url=urls["till"], transport=self._transport)
        bank = client(Bank, url=urls["bank"], transport=self._transport)
        with contexts.use(msgspec.structs.replace(contexts.new_context(), idempotency_key=f"{self._case}/{what}")):
            return await ask(till, bank)


def _instance(life: Life) -> Instance:
    host, _, port = life.ready.result()["till"].partition(":")
    return Instance(id="till", service="till", host=host, port=int(port))
