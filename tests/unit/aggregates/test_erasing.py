"""What is personal is sealed with a key of the person, and gone with the key."""

from __future__ import annotations

from typing import Annotated

import msgspec
import pytest

from atoll.aggregates import MemorySnapshots, MemorySubjectKeys, Repository, SubjectErased
from atoll.contracts import Event, Personal, personal_fields
from atoll.core.errors import DeclarationError
from atoll.eventstore import EventStore, UndecodableEvent
from tests.unit.aggregates.account import Account, Deposited, Opened


class Shop:
    """A store with an account of Ann's and one of Bob's in it."""

    def __init__(self) -> None:
        self.store = EventStore.memory()
        self.keys = MemorySubjectKeys()
        self.snapshots = MemorySnapshots()
        self.accounts = Repository.of(
            self.store, Account, [Opened, Deposited], keys=self.keys, snapshots=self.snapshots, every=2, schema="1"
        )

    async def fill(self) -> None:
        for owner in ("ann", "bob"):
            await self.accounts.create(owner, lambda a, of=owner: a.open("1", of, of.title()))  # type: ignore[misc]
            await self.accounts.change(owner, lambda a: a.deposit(5))

    async def names(self, owner: str) -> list[str]:
        return (await self.accounts.load(owner)).aggregate.names


@pytest.fixture
async def shop() -> Shop:
    shop = Shop()
    await shop.fill()
    return shop


async def test_a_personal_field_is_not_readable_in_the_store(shop: Shop) -> None:
    data = b"".join(each.data for each in await shop.store.read_all())
    assert b"Ann" not in data
    assert b"ann" in data


async def test_its_owner_s_aggregate_reads_it(shop: Shop) -> None:
    assert await shop.names("ann") == ["Ann"]


async def test_without_the_key_it_reads_as_erased_and_the_rest_stays(shop: Shop) -> None:
    await shop.keys.erase("ann", now=0.0)
    loaded = await shop.accounts.load("ann")
    assert loaded.aggregate == Account(5, ["(erased)"])
    assert await shop.names("bob") == ["Bob"]


async def test_a_snapshot_does_not_outlive_the_key(shop: Shop) -> None:
    snapshot = await shop.snapshots.find("", "account-ann")
    assert snapshot is not None
    assert b"Ann" not in snapshot.data
    assert snapshot.subjects == ("ann",)


async def test_nothing_personal_is_stored_of_somebody_erased(shop: Shop) -> None:
    await shop.keys.erase("ann", now=0.0)
    with pytest.raises(SubjectErased):
        await shop.accounts.create("ann2", lambda a: a.open("2", "ann", "Ann"))


async def test_a_sealed_field_cannot_be_moved_to_another_event(shop: Shop) -> None:
    ann, _, bob, _ = await shop.store.read_all()
    moved = msgspec.structs.replace(bob, id=ann.id)
    with pytest.raises(UndecodableEvent, match="cannot be opened"):
        await shop.accounts._codec.decode([moved])


def test_personal_fields_need_keys() -> None:
    with pytest.raises(DeclarationError, match="give the repository `keys=`"):
        Repository.of(EventStore.memory(), Account, [Opened])


def test_a_mark_must_name_a_field() -> None:
    class Wrong(Event):
        name: Annotated[str, Personal("nobody")]

    with pytest.raises(DeclarationError, match="name the field that says whose it is"):
        personal_fields(Wrong)
