"""The service that keeps names and addresses."""

from __future__ import annotations

from atoll.service import Service, on
from atoll.storage import Database
from shop.contracts.profile import Profile, ProfileErased, Profiles, ProfileUpdated, UpdateProfile
from shop.contracts.user import UserCreated
from shop.services.profile.domain import updated
from shop.services.profile.store import ProfileStore


class ProfileService(Service, Profiles):
    """Each customer sees and writes their own profile, nobody another's."""

    version = "1.0.0"
    migrations = "migrations"

    def __init__(self, db: Database) -> None:
        self.store = ProfileStore(db)

    async def profile(self) -> Profile:
        return await self.store.get(self.principal.subject)

    async def update(self, request: UpdateProfile) -> Profile:
        before = await self.store.get(self.principal.subject)
        profile = updated(before, request)
        if profile != before:
            if not await self.store.put(profile):
                raise ProfileErased()
            self.emit(ProfileUpdated(user_id=profile.user_id))
        return profile

    async def forget(self, user_id: str) -> None:
        await self.store.forget(user_id)

    @on(UserCreated)
    async def begin(self, event: UserCreated) -> None:
        await self.store.begin(event.user_id, event.name)
