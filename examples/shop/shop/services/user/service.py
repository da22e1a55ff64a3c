"""The service that keeps accounts. Registration is a saga, because credentials live with `auth`."""

from __future__ import annotations

from atoll.core import Clock, new_id
from atoll.saga import Saga, saga
from atoll.service import Service
from atoll.storage import Database
from shop.contracts.auth import Activate, Auth
from shop.contracts.user import (
    Account,
    AccountNotFound,
    ChangeEmail,
    EmailTaken,
    Register,
    UserCreated,
    UserEmailUpdated,
    Users,
)
from shop.services.user.domain import open_account, with_email
from shop.services.user.store import Accounts


class UserService(Service, Users):
    """Accounts as rows."""

    version = "1.0.0"
    migrations = "migrations"

    def __init__(self, db: Database, clock: Clock, auth: Auth) -> None:
        self.store = Accounts(db)
        self.clock = clock
        self.auth = auth

    @saga
    async def register(self, s: Saga, request: Register) -> Account:
        account = await s.step("open", self._open, request, undo=lambda account: self._abandon(account.id))
        activation = Activate(credential=request.credential, user_id=account.id, email=account.email)
        await s.step("activate", self.auth.activate, activation, undo=lambda _: self.auth.withdraw(account.id))
        return await s.step("confirm", self._confirm, account, request.source)

    async def me(self) -> Account:
        return await self._mine()

    async def change_email(self, request: ChangeEmail) -> Account:
        account = await self._mine()
        changed = with_email(account, request.email)
        if changed is account:
            return account
        if await self.store.is_taken(changed.email, by_other_than=account.id):
            raise EmailTaken(email=changed.email)
        await self.store.save(changed)
        self.emit(UserEmailUpdated(user_id=account.id, email=changed.email, previous=account.email))
        return changed

    async def accounts(self, after: str = "", limit: int = 500) -> list[Account]:
        return await self.store.page(after, limit)

    async def _open(self, request: Register) -> Account:
        account = open_account(request, user_id=new_id(), now=self.clock.now())
        if not await self.store.add(account):
            raise EmailTaken(email=account.email)
        return account

    async def _abandon(self, user_id: str) -> None:
        await self.store.abandon(user_id)

    async def _confirm(self, account: Account, source: str) -> Account:
        await self.store.confirm(account.id)
        self.emit(
            UserCreated(
                user_id=account.id,
                email=account.email,
                name=account.name,
                country=account.country,
                source=source,
            )
        )
        return account

    async def _mine(self) -> Account:
        account = await self.store.by_id(self.principal.subject)
        if account is None:
            raise AccountNotFound()
        return account
