"""The shop on Atoll as a contestant: started as `atoll up` starts it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiohttp import ClientSession
from contestant import Contestant, Kind, Process
from quiet_shop import shop

from atoll.system import running as system_running

PASSWORD: Final = "correct horse battery staple"
_KINDS: Final[dict[str, Kind]] = {
    "service": "service",
    "engine": "engine",
    "program": "outside",
    "supervisor": "platform",
}


@asynccontextmanager
async def running(directory: Path) -> AsyncGenerator[Contestant]:
    """Run the shop with its state below `directory`."""
    async with system_running("quiet_shop:shop", directory=directory) as system:
        state = system.state
        yield Contestant(
            name="atoll",
            gateway_url=state.gateway_url,
            data=directory / shop.name / "data",
            processes=[
                Process(name=each.name, kind=_KINDS[each.kind], pid=each.pid) for each in state.processes if each.pid
            ],
            enrol=enrol,
        )


async def enrol(http: ClientSession, email: str) -> str:
    """Register and sign in, as a customer does."""
    async with http.post("/credentials", json={"password": PASSWORD}) as answer:
        answer.raise_for_status()
        credential = (await answer.json())["credential"]
    account = {"email": email, "credential": credential, "name": "A Customer"}
    async with http.post("/users", json=account) as answer:
        answer.raise_for_status()
    async with http.post("/sessions", json={"email": email, "password": PASSWORD}) as answer:
        answer.raise_for_status()
        return str((await answer.json())["access_token"])
