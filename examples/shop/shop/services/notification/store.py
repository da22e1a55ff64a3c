"""Addresses and letters."""

from __future__ import annotations

from typing import Final

from atoll.storage import Database
from shop.contracts.notification import Letter
from shop.services.notification.domain import Draft, Mail

_LETTER: Final = "id, user_id, kind, about, subject, sent_at"


class LetterStore:
    """Letters and where to send them, in the service's database. The empty address is that of somebody erased."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def set_address(self, user_id: str, email: str) -> None:
        await self.db.execute(
            "INSERT INTO addresses (user_id, email) VALUES ($1, $2) "
            "ON CONFLICT (user_id) DO UPDATE SET email = excluded.email WHERE addresses.email <> ''",
            user_id,
            email,
        )

    async def forget(self, user_id: str) -> None:
        """Forget an address for good, the text of the letters that went there, and those that did not yet."""
        await self.db.execute(
            "INSERT INTO addresses (user_id, email) VALUES ($1, '') ON CONFLICT (user_id) DO UPDATE SET email = ''",
            user_id,
        )
        await self.db.execute("DELETE FROM letters WHERE user_id = $1 AND sent_at IS NULL", user_id)
        await self.db.execute("UPDATE letters SET body = '' WHERE user_id = $1", user_id)

    async def address(self, user_id: str) -> str | None:
        """Return where a customer is written to, None while it is unknown."""
        found = await self.db.fetch_value("SELECT email FROM addresses WHERE user_id = $1", user_id)
        return None if found is None else str(found)

    async def add(self, draft: Draft) -> None:
        """Keep a letter; one that is there already stays as it is."""
        letter = draft.letter
        await self.db.execute(
            "INSERT INTO letters (id, user_id, kind, about, subject, body) VALUES ($1, $2, $3, $4, $5, $6) "
            "ON CONFLICT (id) DO NOTHING",
            letter.id,
            letter.user_id,
            letter.kind,
            letter.about,
            letter.subject,
            draft.body,
        )

    async def unsent(self, user_id: str) -> list[Letter]:
        sql = f"SELECT {_LETTER} FROM letters WHERE user_id = $1 AND sent_at IS NULL ORDER BY id"
        return await self.db.fetch_all(Letter, sql, user_id)

    async def mail(self, letter_id: str) -> Mail | None:
        """Return a letter ready to go out; None when it is unknown or nobody knows where to."""
        return await self.db.fetch_one(
            Mail,
            'SELECT id, email AS "to", subject, body FROM letters JOIN addresses USING (user_id) '
            "WHERE id = $1 AND email <> ''",
            letter_id,
        )

    async def mark(self, letter_id: str, now: float) -> None:
        await self.db.execute("UPDATE letters SET sent_at = $1 WHERE id = $2 AND sent_at IS NULL", now, letter_id)

    async def of(self, user_id: str, after: str, limit: int) -> list[Letter]:
        sql = f"SELECT {_LETTER} FROM letters WHERE user_id = $1 AND id > $2 ORDER BY id LIMIT $3"
        return await self.db.fetch_all(Letter, sql, user_id, after, limit)

    async def page(self, after: str, limit: int) -> list[Letter]:
        sql = f"SELECT {_LETTER} FROM letters WHERE id > $1 ORDER BY id LIMIT $2"
        return await self.db.fetch_all(Letter, sql, after, limit)
