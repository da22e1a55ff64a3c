"""Systems that cannot start, each for its own reason, and one that takes its time."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from atoll.contracts import contract, query
from atoll.core import Settings
from atoll.core.errors import SettingsError
from atoll.gateway import Gateway
from atoll.service import Service
from atoll.system import Program, System


@contract("sleeper")
class Sleeper(Protocol):
    @query("GET /slow", public=True, anonymous=True)
    async def rest(self) -> str: ...


class SleeperService(Service, Sleeper):
    async def rest(self) -> str:
        logging.getLogger(__name__).info("at work")
        await asyncio.sleep(0.5)
        return "rested"


class Sloth(SleeperService):
    async def rest(self) -> str:
        logging.getLogger(__name__).info("at work")
        await asyncio.Event().wait()
        return "never"


class Choosy(SleeperService):
    def __init__(self, settings: Settings) -> None:
        raise SettingsError([f"SLEEP_HOURS is {settings.environ.get('SLEEP_HOURS', 'not set')}, but must be 8"])


class Lonely(SleeperService):
    def __init__(self, friend: asyncio.Event) -> None:
        self.friend = friend


class Clumsy(SleeperService):
    async def on_start(self) -> None:
        raise RuntimeError("fell out of bed")


class Endless(SleeperService):
    async def on_start(self) -> None:
        await asyncio.Event().wait()


slow = System("slow", services=[SleeperService], gateway=Gateway())
sloth = System("sloth", services=[Sloth], gateway=Gateway())
choosy = System("choosy", services=[Choosy])
lonely = System("lonely", services=[Lonely])
clumsy = System("clumsy", services=[Clumsy])
endless = System("endless", services=[Endless])
programless = System("programless", services=[SleeperService], programs=[Program("cards", module="no_such_module")])
