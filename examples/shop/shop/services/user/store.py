"""Accounts as streams of events, and the addresses that each belong to one of them."""

from __future__ import annotations

import msgspec

from atoll.aggregates import Repository, SubjectKeys
from atoll.contracts import Event
from atoll.eventstore import EventStore
from atoll.storage import Database
from shop.contracts.user import UserCreated, UserEmailUpdated, UserErased
from shop.services.user.domain import Customer


class _Owner(msgspec.Struct):
    user_id: str


def customers_in(events: EventStore, keys: SubjectKeys) -> Repository[Customer]:
    """Return the accounts. A handful of events each: they are folded without snapshots."""
    kinds: list[type[Event]] = [UserCreated, UserEmailUpdated, UserErased]
    return Repository[Customer].of(events, Customer, kinds, category="user", keys=keys)


class Addresses:
    """Which account has an address: what streams cannot promise, a row does, in the same unit of work.

    It is pending until its account is known.
    """

    def __init__(self, db: Database) -> None:
        self.db = db

    async def claim(self, email: str, user_id: str) -> bool:
        """Have an address for an account to come; False when it is taken."""
        sql = "INSERT INTO addresses (user_id, email) VALUES ($1, $2) ON CONFLICT (email) DO NOTHING"
        return await self.db.execute(sql, user_id, email) == 1

    async def settle(self, user_id: str) -> None:
        """The account is known."""
        await self.db.execute("UPDATE addresses SET pending = 0 WHERE user_id = $1", user_id)

    async def let_go(self, user_id: str) -> None:
        """Free the address of an account that never came to be."""
        await self.db.execute("DELETE FROM addresses WHERE user_id = $1 AND pending = 1", user_id)

    async def change(self, user_id: str, email: str) -> bool:
        """Have another address for an account; False when it is taken."""
        changed = await self.db.execute(
            "UPDATE addresses SET email = $1 WHERE user_id = $2 "
            "AND NOT EXISTS (SELECT 1 FROM addresses WHERE email = $1 AND user_id <> $2)",
            email,
            user_id,
        )
        return changed == 1

    async def forget(self, user_id: str) -> None:
        """Free an address; its account stays in the list, under its id, which is nobody's address."""
        await self.db.execute("UPDATE addresses SET email = user_id WHERE user_id = $1", user_id)

    async def owners(self, after: str, limit: int) -> list[str]:
        """Return the ids of accounts that are known, in order."""
        sql = "SELECT user_id FROM addresses WHERE user_id > $1 AND pending = 0 ORDER BY user_id LIMIT $2"
        return [row.user_id for row in await self.db.fetch_all(_Owner, sql, after, limit)]
