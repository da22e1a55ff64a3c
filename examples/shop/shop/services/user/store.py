"""Accounts. An account is pending until its owner can sign in."""

from __future__ import annotations

from typing import Final

from atoll.storage import Database
from shop.contracts.user import Account

_COLUMNS: Final = "id, email, name, country, created_at, revision"


class Accounts:
    """Accounts in the service's database. Only those that are not pending are found."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def add(self, account: Account) -> bool:
        """Add a pending account; False when its address is taken."""
        added = await self.db.execute(
            f"INSERT INTO accounts ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (email) DO NOTHING",
            account.id,
            account.email,
            account.name,
            account.country,
            account.created_at,
            account.revision,
        )
        return added == 1

    async def confirm(self, user_id: str) -> None:
        await self.db.execute("UPDATE accounts SET pending = 0 WHERE id = $1", user_id)

    async def abandon(self, user_id: str) -> None:
        """Remove an account that never came to be."""
        await self.db.execute("DELETE FROM accounts WHERE id = $1 AND pending = 1", user_id)

    async def by_id(self, user_id: str) -> Account | None:
        sql = f"SELECT {_COLUMNS} FROM accounts WHERE id = $1 AND pending = 0"
        return await self.db.fetch_one(Account, sql, user_id)

    async def is_taken(self, email: str, *, by_other_than: str) -> bool:
        """Tell whether another account, pending or not, has this address."""
        sql = "SELECT count(*) FROM accounts WHERE email = $1 AND id <> $2"
        return bool(await self.db.fetch_value(sql, email, by_other_than))

    async def save(self, account: Account) -> None:
        await self.db.execute(
            "UPDATE accounts SET email = $1, revision = $2 WHERE id = $3",
            account.email,
            account.revision,
            account.id,
        )

    async def page(self, after: str, limit: int) -> list[Account]:
        sql = f"SELECT {_COLUMNS} FROM accounts WHERE id > $1 AND pending = 0 ORDER BY id LIMIT $2"
        return await self.db.fetch_all(Account, sql, after, limit)
