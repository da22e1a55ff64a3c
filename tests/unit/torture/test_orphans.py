"""What a dead replica has left is watched until others have it."""

from __future__ import annotations

import time

import msgspec

from atoll.system import ProcessState
from atoll.torture import Fault
from atoll.torture.injury import Injury
from atoll.torture.orphans import Orphans

OURS, ANOTHERS = "shop/order/1", "shop/order/2"
VICTIM = ProcessState(name="order", kind="service", instance=1)


class Journal:
    """Sagas by id with their owners. When the victim dies another replica takes its sagas but those `kept`."""

    def __init__(self, owners: dict[str, str], *, kept: tuple[str, ...] = (), silent: int = 0) -> None:
        self.owners = owners
        self.kept = kept
        self.silent = silent
        self.ended = {"ended"}

    def die(self) -> None:
        for saga_id in self.owners.keys() - self.kept - self.ended:
            self.owners[saga_id] = ANOTHERS

    async def ask(self, path: str) -> bytes | None:
        if self.silent:
            self.silent -= 1
            return None
        saga_id = path.removeprefix("/_atoll/sagas").strip("/")
        if not saga_id:
            return msgspec.json.encode([self._saga(each) for each in self.owners])
        return msgspec.json.encode({"saga": self._saga(saga_id), "steps": []})

    def _saga(self, saga_id: str) -> dict[str, object]:
        return {"id": saga_id, "owner": self.owners[saga_id], "ended_at": 1.0 if saga_id in self.ended else None}


async def watched(journal: Journal, *, least: float = 0.0, most: float = 0.3) -> Injury:
    injury = Injury(Fault(at=0.0, kind="down", target="order-1"), "order", time.monotonic())
    orphans = Orphans("shop", VICTIM, injury, journal.ask)
    await orphans.find()
    journal.die()
    await orphans.watch(least=least, most=most)
    return injury


async def test_open_sagas_of_the_dead_replica_are_orphans_until_another_has_them() -> None:
    injury = await watched(Journal({"a": OURS, "b": OURS, "c": ANOTHERS, "ended": OURS}))
    assert (injury.orphans, len(injury.resumed)) == (2, 2)


async def test_one_that_nobody_takes_is_not_resumed() -> None:
    injury = await watched(Journal({"a": OURS, "b": OURS}, kept=("b",)))
    assert (injury.orphans, len(injury.resumed)) == (2, 1)


async def test_one_that_its_own_worker_ended_before_it_died_is_no_orphan() -> None:
    journal = Journal({"a": OURS, "b": OURS})
    journal.die = lambda: journal.ended.update("ab")  # type: ignore[method-assign]
    injury = await watched(journal)
    assert (injury.orphans, injury.resumed) == (0, [])


async def test_replicas_that_do_not_answer_before_the_death_are_asked_after_it() -> None:
    injury = await watched(Journal({"a": OURS, "b": OURS}, kept=("b",), silent=1))
    assert (injury.orphans, injury.resumed) == (1, [])


async def test_without_anyone_to_ask_nothing_is_known() -> None:
    injury = await watched(Journal({"a": OURS}, silent=99))
    assert (injury.orphans, injury.resumed) == (0, [])


async def test_a_replica_without_sagas_stays_away_as_long_as_was_asked() -> None:
    injury = await watched(Journal({}), least=0.15)
    assert time.monotonic() - injury.began >= 0.15
