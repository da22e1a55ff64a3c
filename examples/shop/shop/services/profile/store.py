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

    async def put(self, profile: Profile) -> None:
        await self.db.execute(
            "INSERT INTO profiles (user_id, name, phone, address) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT (user_id) DO UPDATE SET name = excluded.name, phone = excluded.phone, "
            "address = excluded.address",
            profile.user_id,
            profile.name,
            profile.phone,
            profile.address,
        )
