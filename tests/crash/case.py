"""One case: a process dies where it is told to, and starts again, while customers and an operator go about theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from atoll.core import new_id
from tests.crash.client import Ask, Client
from tests.crash.rig import Rig
from tests.crash.system import LATER, MARK, POISON, REMEDY, Note, Order, Refused
from tests.crash.truth import CROWD, GIFT, WORD, Truth

SECONDS: Final = 60.0
"""How long a case may take, restarts included."""
REST_SECONDS: Final = 30.0


class Case:
    """`deaths` are the points at which one life after the other ends: the life that runs now, and those after it."""

    def __init__(self, rig: Rig, deaths: Sequence[str]) -> None:
        self.id = new_id()
        self._rig = rig
        self._deaths = list(deaths)
        self._truth = Truth(rig.till, rig.bank, self.id)
        rig.truths.append(self._truth)
        self._client = Client(rig, self.id)

    async def run(self) -> list[str]:
        """Return what is wrong, a sentence each."""
        if self._rig.spoiled:
            return [f"{self._rig.name}: is in disorder since {self._rig.spoiled}"]
        living, where = asyncio.create_task(self._live()), ", ".join(self._deaths)
        try:
            async with asyncio.timeout(SECONDS):
                wrong = await self._course()
        except TimeoutError:
            wrong = [f"after {SECONDS:g} s there is still no {self._client.awaited}", *await self._truth.wrong()]
        finally:
            living.cancel()
            await self._client.close()
        if wrong:
            self._rig.spoiled = where or "the case without a death"
        return [f"{self._rig.name}: {each}" for each in wrong]

    async def _course(self) -> list[str]:
        if self._deaths:
            await self._client.arm(self._deaths[0])
        wrong = await self._customers()
        await self._client.until(f"death at {', '.join(self._deaths)}", self._all_dead)
        mark = Note(self.id, MARK)
        await self._client.insist(MARK, lambda till, _: till.note(mark))
        await self._client.insist(f"{MARK} of the bank", lambda _, bank: bank.note(mark))
        await self._client.until("last event in the ledger", self._truth.is_whole)
        await self._client.until("end of the sagas", self._truth.has_ended)
        return [*wrong, *await self._truth.wrong()]

    async def _customers(self) -> list[str]:
        """Do everything that there is to do; return what was answered wrongly."""
        good, bad = Order(self.id, "a", ships=True), Order(self.id, "b", ships=False)
        wrong = [
            await self._note("", "note"),
            await self._told("ship a", lambda till, _: till.order(good)),
            await self._told("refused", lambda till, _: till.order(bad)),
            await self._note(LATER, LATER),
            await self._told("1", lambda _, bank: bank.record(self.id), key="record"),
            *await asyncio.gather(*(self._note(f"crowd {number}", "note") for number in range(CROWD))),
            *await asyncio.gather(self._give(), self._mend_gift(), self._mend_poison()),
        ]
        return [each for each in wrong if each]

    async def _note(self, thread: str, what: str) -> str:
        note = Note(f"{self.id}/{thread}".rstrip("/"), what)
        return await self._told(what, lambda till, _: till.note(note), key=f"{thread} {what}")

    async def _give(self) -> str:
        gift = Note(f"{self.id}/{GIFT}", GIFT)
        return await self._told("wrap", lambda till, _: till.gift(gift))

    async def _mend_gift(self) -> str:
        """Say the word when the gift waits for it; find it parked, provide the remedy, and have the saga go on."""
        await self._client.until("gift that waits", self._truth.gift_waits)
        wrong = await self._note(GIFT, WORD)
        await self._client.until("gift to mend", self._truth.gift_is_parked)
        wrong = wrong or await self._note(GIFT, REMEDY)
        decision = {"id": f"{self.id}/{GIFT}", "who": "the operator"}
        while (saga := await self._truth.parked_gift()) is not None:
            await self._client.operate(f"/_atoll/sagas/{saga}/retry", decision)
        return wrong

    async def _mend_poison(self) -> str:
        """Find the dead letter, provide the remedy, and replay the letter with what came behind it."""
        wrong = await self._note(POISON, POISON)
        await self._client.until("dead letter", self._truth.poison_arrived)
        wrong = wrong or await self._note(POISON, REMEDY)
        await self._client.until("remedy", self._truth.remedy_arrived)
        while await self._truth.has_dead():
            await self._client.operate("/_atoll/deadletters/replay", {"key": f"{self.id}/{POISON}"})
        return wrong

    async def _told(self, wanted: str, ask: Ask, *, key: str = "") -> str:
        try:
            told = await self._client.insist(key or wanted, ask)
        except Refused:
            told = "refused"
        return "" if told == wanted else f"a client was told {told!r} instead of {wanted!r}"

    async def _all_dead(self) -> bool:
        return not self._deaths

    async def _live(self) -> None:
        """Begin the next life whenever one ends."""
        while True:
            await asyncio.wait({self._rig.life.ended})
            self._deaths[:1] = []
            self._rig.begin(self._deaths[0] if self._deaths else "")


async def wrong_with(pairs: Sequence[Rig], where: Sequence[str]) -> list[str]:
    """Return what is wrong when a process dies there, on all pairs at the same time."""
    found = await asyncio.gather(*(Case(rig, where).run() for rig in pairs))
    return [each for wrong in found for each in wrong]


async def wrong_at_rest(pairs: Sequence[Rig]) -> list[str]:
    """Return what is wrong with any of the cases that were, once nothing is under way any more."""
    async with asyncio.timeout(REST_SECONDS):
        while not all([await rig.at_rest() for rig in pairs]):
            await asyncio.wait({rig.life.ended for rig in pairs}, timeout=0.02)
    return [each for rig in pairs for each in await rig.wrong()]
