"""The service that keeps accounts. Registration is a saga, because credentials live with `auth`."""

from __future__ import annotations

from atoll.aggregates import AggregateNotFound, SubjectKeys
from atoll.core import Clock, new_id
from atoll.eventstore import EventStore
from atoll.saga import Saga, saga
from atoll.service import Service
from atoll.storage import Database
from shop.contracts.auth import Activate, Auth
from shop.contracts.user import Account, AccountNotFound, ChangeEmail, EmailTaken, Register, Users
from shop.services.user.domain import creation, open_account
from shop.services.user.store import Addresses, customers_in


class UserService(Service, Users):
    """Accounts are event-sourced, what is personal in them sealed; what is stored is published in the same commit."""

    version = "1.0.0"
    migrations = "migrations"

    def __init__(self, db: Database, events: EventStore, keys: SubjectKeys, clock: Clock, auth: Auth) -> None:
        self.customers = customers_in(events, keys)
        self.addresses = Addresses(db)
        self.clock = clock
        self.auth = auth

    @saga
    async def register(self, s: Saga, request: Register) -> Account:
        account = await s.step("open", self._open, request, undo=lambda account: self._abandon(account.id))
        activation = Activate(credential=request.credential, user_id=account.id, email=account.email)
        await s.step("activate", self.auth.activate, activation, undo=lambda _: self.auth.withdraw(account.id))
        return await s.step("confirm", self._confirm, account, request.source)

    async def me(self) -> Account:
        found = await self.customers.find(self.principal.subject)
        if found is None:
            raise AccountNotFound()
        return found.aggregate.account

    async def change_email(self, request: ChangeEmail) -> Account:
        try:
            changed = await self.customers.change(self.principal.subject, lambda each: each.move(request.email))
        except AggregateNotFound:
            raise AccountNotFound() from None
        account = changed.aggregate.account
        if changed.events and not await self.addresses.change(account.id, account.email):
            raise EmailTaken(email=account.email)
        self.emit(*changed.events)
        return account

    async def accounts(self, after: str = "", limit: int = 500) -> list[Account]:
        owners = await self.addresses.owners(after, limit)
        return [(await self.customers.load(each)).aggregate.account for each in owners]

    async def _open(self, request: Register) -> Account:
        account = open_account(request, user_id=new_id(), now=self.clock.now())
        if not await self.addresses.claim(account.email, account.id):
            raise EmailTaken(email=account.email)
        return account

    async def _abandon(self, user_id: str) -> None:
        await self.addresses.let_go(user_id)

    async def _confirm(self, account: Account, source: str) -> Account:
        created = await self.customers.create(account.id, lambda _: creation(account, source))
        await self.addresses.settle(account.id)
        self.emit(*created.events)
        return created.aggregate.account
