"""The shop as a web client sees it: HTTP through the gateway, repeated with care when something breaks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import msgspec
from aiohttp import ClientError, ClientSession

from atoll.system import Attempt, Recorder

PATIENCE: Final = 60.0
"""Seconds a customer keeps trying one thing."""

_AGAIN: Final = frozenset({202, 429, 502, 503, 504})
FINAL: Final = frozenset({"undone", "given_up"})
"""The codes of what was undone in good order, whatever the status: under this key it stays so."""


class _Problem(msgspec.Struct, frozen=True):
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back in the end. `status` is 0 when nothing did; `attempts` counts the requests it took.

    `code` is that of the problem, if it is one.
    """

    status: int
    document: Any
    attempts: int
    code: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class Storefront:
    """One customer's browser. Every repetition of a command carries the same Idempotency-Key."""

    def __init__(self, session: ClientSession, random: Random, recorder: Recorder) -> None:
        self._session = session
        self._random = random
        self._recorder = recorder
        self.token = ""

    async def get(self, path: str) -> Reply:
        return await self._send("GET", path, None, {})

    async def command(self, method: str, path: str, body: object = None, *, keyed: bool = False) -> Reply:
        """Send a command; `keyed` when repeating it must not do it twice."""
        headers = {"idempotency-key": f"{self._random.getrandbits(128):032x}"} if keyed else {}
        return await self._send(method, path, body, headers)

    async def _send(self, method: str, path: str, body: object, headers: Mapping[str, str]) -> Reply:
        data = None if body is None else msgspec.json.encode(body)
        sent = {"content-type": "application/json", **headers}
        if self.token:
            sent["authorization"] = f"Bearer {self.token}"
        deadline = asyncio.get_running_loop().time() + PATIENCE
        for attempt in range(1, 1000):
            reply = await self._recorded(method, path, data, sent, attempt)
            if not _worth_repeating(reply) or asyncio.get_running_loop().time() > deadline:
                return reply
            await asyncio.sleep(self._random.uniform(0.05, min(1.0, 0.1 * 2.0**attempt)))
        return Reply(status=0, document=None, attempts=1000)

    async def _recorded(
        self, method: str, path: str, data: bytes | None, headers: Mapping[str, str], attempt: int
    ) -> Reply:
        began = time.monotonic()
        reply = await self._once(method, path, data, headers, attempt)
        self._recorder.note(
            Attempt(
                method=method,
                path=path,
                began=began,
                ended=time.monotonic(),
                status=reply.status,
                repeated=attempt > 1,
            )
        )
        return reply

    async def _once(
        self, method: str, path: str, data: bytes | None, headers: Mapping[str, str], attempt: int
    ) -> Reply:
        try:
            async with self._session.request(method, path, data=data, headers=headers) as response:
                content = await response.read()
                status = response.status
        except (ClientError, TimeoutError, OSError):
            return Reply(status=0, document=None, attempts=attempt)
        return _read(status, content, attempt)


def _read(status: int, content: bytes, attempt: int) -> Reply:
    try:
        document = msgspec.json.decode(content or b"null")
        problem = msgspec.convert(document, _Problem) if status >= 400 else _Problem()
    except msgspec.MsgspecError:
        return Reply(status=status, document=None, attempts=attempt)
    return Reply(status=status, document=document, attempts=attempt, code=problem.code)


def _worth_repeating(reply: Reply) -> bool:
    if reply.code in FINAL:
        return False
    return reply.status == 0 or reply.status in _AGAIN or reply.code == "in_progress"
