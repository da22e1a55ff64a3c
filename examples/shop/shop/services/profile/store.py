"""Profiles."""

from __future__ import annotations

from atoll.storage import Database
from shop.contracts.profile import Profile


class ProfileStore:
    """Profiles in the service's database."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def get(self, user_id: str) -> Profile:
        """Return the profile; an empty one when nothing is known."""
        sql = "SELECT user_id, name, phone, address FROM profiles WHERE user_id = $1"
        return await self.db.fetch_one(Profile, sql, user_id) or Profile(user_id=user_id)

    async def begin(self, user_id: str, name: str) -> None:
        """Begin with a name; a profile that is there already stays as it is."""
        await self.db.execute(
            "INSERT INTO profiles (user_id, name, phone) VALUES ($1, $2, '') ON CONFLICT (user_id) DO NOTHING",
            user_id,
            name,
        )

    async def put(self, profile: Profile) -> bool:
        """Keep a profile; False when its customer was erased."""
        changed = await self.db.execute(
            "INSERT INTO profiles (user_id, name, phone, address) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT (user_id) DO UPDATE SET name = excluded.name, phone = excluded.phone, "
            "address = excluded.address WHERE profiles.erased = 0",
            profile.user_id,
            profile.name,
            profile.phone,
            profile.address,
        )
        return changed == 1

    async def forget(self, user_id: str) -> None:
        """Empty a profile for good; an event that comes late begins no other."""
        await self.db.execute(
            "INSERT INTO profiles (user_id, name, phone, erased) VALUES ($1, '', '', 1) "
            "ON CONFLICT (user_id) DO UPDATE SET name = '', phone = '', address = NULL, erased = 1",
            user_id,
        )
