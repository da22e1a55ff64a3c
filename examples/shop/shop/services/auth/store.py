"""Credentials, sessions and signing keys. Of tickets and refresh tokens only digests are kept."""

from __future__ import annotations

from typing import Final

from atoll.storage import Database
from shop.services.auth.domain import Credentials, RefreshToken, digest

_CREDENTIALS: Final = "user_id, password_hash, roles, failures, failed_at"


class AuthStore:
    """The tables of the service."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def add_ticket(self, ticket: str, password_hash: str, expires_at: float) -> None:
        sql = "INSERT INTO tickets (ticket, password_hash, expires_at) VALUES ($1, $2, $3)"
        await self.db.execute(sql, digest(ticket), password_hash, expires_at)

    async def use_ticket(self, ticket: str, now: float) -> str | None:
        """Return the password hash behind a ticket and take the ticket away; None when there is no such."""
        sql = "DELETE FROM tickets WHERE ticket = $1 AND expires_at > $2 RETURNING password_hash"
        found = await self.db.fetch_value(sql, digest(ticket), now)
        return None if found is None else str(found)

    async def is_activated(self, user_id: str, ticket: str) -> bool:
        sql = "SELECT count(*) FROM credentials WHERE user_id = $1 AND ticket = $2"
        return bool(await self.db.fetch_value(sql, user_id, digest(ticket)))

    async def put_credentials(self, owner: Credentials, email: str, *, since: float, ticket: str = "") -> None:
        """Keep credentials, known by `email` since then."""
        await self.db.execute(
            "INSERT INTO credentials (user_id, email, since, password_hash, roles, ticket) "
            "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (user_id) DO UPDATE SET email = excluded.email, "
            "password_hash = excluded.password_hash, roles = excluded.roles, ticket = excluded.ticket",
            owner.user_id,
            email,
            since,
            owner.password_hash,
            owner.roles,
            digest(ticket),
        )

    async def remove_credentials(self, user_id: str) -> None:
        await self.db.execute("DELETE FROM credentials WHERE user_id = $1", user_id)

    async def remove_sessions(self, user_id: str) -> None:
        """Remove an account's sessions and their refresh tokens."""
        tokens = "DELETE FROM refresh_tokens WHERE session_id IN (SELECT id FROM sessions WHERE user_id = $1)"
        await self.db.execute(tokens, user_id)
        await self.db.execute("DELETE FROM sessions WHERE user_id = $1", user_id)

    async def set_email(self, user_id: str, email: str, *, since: float) -> None:
        sql = "UPDATE credentials SET email = $1, since = $2 WHERE user_id = $3"
        await self.db.execute(sql, email, since, user_id)

    async def by_email(self, email: str) -> Credentials | None:
        """Return the latest to have this address: one who left it may not have been heard of yet."""
        sql = f"SELECT {_CREDENTIALS} FROM credentials WHERE email = $1 ORDER BY since DESC LIMIT 1"
        return await self.db.fetch_one(Credentials, sql, email)

    async def by_id(self, user_id: str) -> Credentials | None:
        sql = f"SELECT {_CREDENTIALS} FROM credentials WHERE user_id = $1"
        return await self.db.fetch_one(Credentials, sql, user_id)

    async def note_failure(self, user_id: str, now: float) -> None:
        sql = "UPDATE credentials SET failures = failures + 1, failed_at = $1 WHERE user_id = $2"
        await self.db.execute(sql, now, user_id)

    async def forget_failures(self, user_id: str) -> None:
        await self.db.execute("UPDATE credentials SET failures = 0 WHERE user_id = $1", user_id)

    async def add_session(self, session_id: str, user_id: str) -> None:
        await self.db.execute("INSERT INTO sessions (id, user_id) VALUES ($1, $2)", session_id, user_id)

    async def end_session(self, session_id: str) -> None:
        await self.db.execute("UPDATE sessions SET live = 0 WHERE id = $1", session_id)

    async def add_token(self, token: str, session_id: str, expires_at: float) -> None:
        sql = "INSERT INTO refresh_tokens (token, session_id, expires_at) VALUES ($1, $2, $3)"
        await self.db.execute(sql, digest(token), session_id, expires_at)

    async def token(self, token: str) -> RefreshToken | None:
        sql = (
            "SELECT session_id, user_id, expires_at, used, live "
            "FROM refresh_tokens JOIN sessions ON sessions.id = session_id WHERE token = $1"
        )
        return await self.db.fetch_one(RefreshToken, sql, digest(token))

    async def use_token(self, token: str) -> None:
        await self.db.execute("UPDATE refresh_tokens SET used = 1 WHERE token = $1", digest(token))

    async def sweep(self, now: float) -> None:
        """Remove tickets and tokens that have expired."""
        await self.db.execute("DELETE FROM tickets WHERE expires_at < $1", now)
        await self.db.execute("DELETE FROM refresh_tokens WHERE expires_at < $1", now)

    async def keys(self) -> bytes | None:
        found = await self.db.fetch_value("SELECT document FROM signing_keys WHERE id = 1")
        return None if found is None else bytes(found)

    async def add_keys(self, document: bytes) -> None:
        """Keep the first keys; when another instance was faster, its keys stay."""
        sql = "INSERT INTO signing_keys (id, document) VALUES (1, $1) ON CONFLICT (id) DO NOTHING"
        await self.db.execute(sql, document)

    async def replace_keys(self, document: bytes) -> None:
        await self.db.execute("UPDATE signing_keys SET document = $1 WHERE id = 1", document)
