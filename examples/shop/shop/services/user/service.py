"""The service that keeps accounts. Registration and erasure are sagas, because others keep parts of a customer."""

from __future__ import annotations

from atoll.aggregates import AggregateNotFound, SubjectKeys
from atoll.core import Clock, new_id
from atoll.eventstore import EventStore
from atoll.saga import Saga, saga
from atoll.service import Service
from atoll.storage import Database
from shop.contracts.auth import Activate, Auth
from shop.contracts.notification import Notifications
from shop.contracts.order import Orders
from shop.contracts.profile import Profiles
from shop.contracts.user import Account, AccountNotFound, ChangeEmail, EmailTaken, LeavingReason, Register, Users
from shop.services.user.domain import Customer, creation, open_account
from shop.services.user.store import Addresses, customers_in


class UserService(Service, Users):
    """Accounts are event-sourced, what is personal in them sealed; what is stored is published in the same commit."""

    version = "1.0.0"
    migrations = "migrations"

    def __init__(
        self,
        db: Database,
        events: EventStore,
        keys: SubjectKeys,
        clock: Clock,
        auth: Auth,
        profiles: Profiles,
        notifications: Notifications,
        orders: Orders,
    ) -> None:
        self.customers, self.keys = customers_in(events, keys), keys
        self.addresses = Addresses(db)
        self.clock = clock
        self.auth, self.profiles, self.notifications, self.orders = auth, profiles, notifications, orders

    @saga
    async def register(self, s: Saga, request: Register) -> Account:
        account = await s.step("open", self._open, request, undo=lambda account: self._abandon(account.id))
        activation = Activate(credential=request.credential, user_id=account.id, email=account.email)
        await s.step("activate", self.auth.activate, activation, undo=lambda _: self.auth.withdraw(account.id))
        return await s.step("confirm", self._confirm, account, request.source)

    @saga
    async def erase(self, s: Saga, reason: LeavingReason = "other") -> None:
        """Once no order is in flight and none can come any more, there is no way back."""
        user_id = await s.step("find", self._known)
        await s.pivot("close", self.orders.close, user_id)
        await s.step("sign out", self.auth.withdraw, user_id)
        await s.step("profile", self.profiles.forget, user_id)
        await s.step("letters", self.notifications.forget, user_id)
        await s.step("account", self._erase, user_id, reason)

    async def me(self) -> Account:
        account = (await self._mine()).account
        if account.erased:
            raise AccountNotFound()
        return account

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

    async def _mine(self) -> Customer:
        found = await self.customers.find(self.principal.subject)
        if found is None:
            raise AccountNotFound()
        return found.aggregate

    async def _known(self) -> str:
        return (await self._mine()).account.id

    async def _erase(self, user_id: str, reason: LeavingReason) -> None:
        """Shred what is personal in the events, free the address, and tell."""
        changed = await self.customers.change(user_id, lambda each: each.erase(reason))
        await self.keys.erase(user_id, now=self.clock.now())
        await self.addresses.forget(user_id)
        self.emit(*changed.events)
