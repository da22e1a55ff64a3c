"""Customers of the till: each buys one thing after the other, and asks until it knows."""

from __future__ import annotations

import asyncio
import time
from random import Random

import httpx

from atoll.system import Attempt, Recorder

PAUSE = 0.05
NO_ANSWER = (httpx.TransportError, AttributeError)
"""anyio on uvloop has an AttributeError for a connection that is reset while it is being made."""
FINAL = frozenset({"undone", "given_up"})
"""The codes of a sale that came to nothing, in good order and for ever under its key."""


async def buy(url: str, random: Random, stop: asyncio.Event, recorder: Recorder) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=15.0) as client:
        while not stop.is_set():
            await buy_one(client, f"{random.getrandbits(64):x}", random.randint(1, 9), recorder)
            await asyncio.sleep(PAUSE)


async def buy_one(client: httpx.AsyncClient, name: str, amount: int, recorder: Recorder) -> None:
    repeated = False
    while (answer := await ask(client, name, amount, recorder, repeated=repeated)) == "unknown":
        repeated = True
        await asyncio.sleep(PAUSE)
    if answer == "sold":
        recorder.acknowledge(f"sale {name}")


async def ask(client: httpx.AsyncClient, name: str, amount: int, recorder: Recorder, *, repeated: bool) -> str:
    """Ask once; return whether it is sold, undone or unknown."""
    began, code = time.monotonic(), ""
    try:
        headers = {"idempotency-key": name}
        reply = await client.post("/sales", json={"name": name, "amount": amount}, headers=headers)
        status = reply.status_code
        code = reply.json().get("code", "") if status >= 400 else ""
    except NO_ANSWER:
        status = 0
    attempt = Attempt(
        method="POST", path="/sales", began=began, ended=time.monotonic(), status=status, repeated=repeated
    )
    recorder.note(attempt)
    return "sold" if status == 200 else "undone" if code in FINAL else "unknown"
