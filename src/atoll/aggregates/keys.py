"""One key for each person whose data are stored: erase the key, and what it sealed is gone from every copy.

Source: "crypto-shredding", https://en.wikipedia.org/wiki/Crypto-shredding; AES-256-GCM by NIST SP 800-38D.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from typing import Final, Protocol

import msgspec

from atoll.aggregates.tables import AGGREGATES
from atoll.storage import Database
from atoll.storage.versions import ready_tables

KEY_BYTES: Final = 32


class SubjectKeys(Protocol):
    """Where the keys of persons are kept."""

    async def ensure(self, subjects: Collection[str]) -> Mapping[str, bytes]:
        """Return the keys of these subjects, made for those who are new; without those who were erased."""
        ...

    async def find(self, subjects: Collection[str]) -> Mapping[str, bytes]:
        """Return the keys of those subjects who have one."""
        ...

    async def erase(self, subject: str, *, now: float) -> None:
        """Forget a subject's key for good, as of `now` (epoch seconds). Idempotent; the subject gets no other."""
        ...


class MemorySubjectKeys:
    """Keys in this object, for tests."""

    def __init__(self) -> None:
        self._keys: dict[str, bytes | None] = {}

    async def ensure(self, subjects: Collection[str]) -> Mapping[str, bytes]:
        for each in subjects:
            self._keys.setdefault(each, secrets.token_bytes(KEY_BYTES))
        return await self.find(subjects)

    async def find(self, subjects: Collection[str]) -> Mapping[str, bytes]:
        return {each: key for each in subjects if (key := self._keys.get(each)) is not None}

    async def erase(self, subject: str, *, now: float) -> None:
        self._keys[subject] = None


class _Key(msgspec.Struct):
    subject: str
    key: bytes


class DatabaseSubjectKeys:
    """Keys in a service's database. Made by `DatabaseSubjectKeys.over`.

    Backups hold keys too: erasure is complete when the backups from before it are gone.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    @classmethod
    async def over(cls, db: Database) -> DatabaseSubjectKeys:
        """Stand on a database, and make the table."""
        await ready_tables(db.engine, AGGREGATES)
        return cls(db)

    async def ensure(self, subjects: Collection[str]) -> Mapping[str, bytes]:
        found = await self.find(subjects)
        missing = sorted(set(subjects) - found.keys())
        if not missing:
            return found
        await self._db.atomic(lambda: self._add(missing))
        return await self.find(subjects)

    async def _add(self, subjects: Collection[str]) -> None:
        for each in subjects:
            await self._db.execute(
                "INSERT INTO atoll_subject_keys (subject, key) VALUES ($1, $2) ON CONFLICT (subject) DO NOTHING",
                each,
                secrets.token_bytes(KEY_BYTES),
            )

    async def find(self, subjects: Collection[str]) -> Mapping[str, bytes]:
        if not subjects:
            return {}
        condition = self._db.engine.dialect.one_of("$1")
        rows = await self._db.fetch_all(
            _Key,
            f"SELECT subject, key FROM atoll_subject_keys WHERE key IS NOT NULL AND subject {condition}",
            sorted(subjects),
        )
        return {each.subject: each.key for each in rows}

    async def erase(self, subject: str, *, now: float) -> None:
        async def work() -> None:
            await self._db.execute(
                "INSERT INTO atoll_subject_keys (subject, key, erased_at) VALUES ($1, NULL, $2) "
                "ON CONFLICT (subject) DO UPDATE SET key = NULL, "
                "erased_at = COALESCE(atoll_subject_keys.erased_at, excluded.erased_at)",
                subject,
                now,
            )

        await self._db.atomic(work)
