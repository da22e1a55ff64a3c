"""The service that writes to customers: one letter a fact, sent by a saga so that a slow mail server blocks nothing."""

from __future__ import annotations

from atoll.core import Clock
from atoll.saga import Saga, saga
from atoll.service import NotFound, Service, on
from atoll.storage import Database
from shop.contracts.notification import Delivered, Letter, Notifications
from shop.contracts.order import OrderCancelled, OrderConfirmed
from shop.contracts.user import UserCreated, UserEmailUpdated
from shop.services.notification.domain import Draft, Mail, Mailer, cancellation, confirmation, welcome
from shop.services.notification.store import LetterStore


class NotificationService(Service, Notifications):
    """The intent is kept with the inbox row of its event; then sent under a stable Message-ID; then marked."""

    version = "1.0.0"
    migrations = "migrations"

    def __init__(self, db: Database, clock: Clock, mailer: Mailer) -> None:
        self.store = LetterStore(db)
        self.clock = clock
        self.mailer = mailer

    @saga
    async def deliver(self, s: Saga, letter_id: str) -> Mail:
        mail = await s.step("address", self._mail, letter_id)
        # A mail cannot be unsent: were the saga to unwind behind this step, it is marked all the same.
        await s.step("send", self.mailer.send, mail, undo=lambda _: self._mark(letter_id))
        await s.step("mark", self._mark, letter_id)
        return mail

    async def messages(self, after: str = "", limit: int = 50) -> list[Letter]:
        return await self.store.of(self.principal.subject, after, limit)

    async def message_ledger(self, after: str = "", limit: int = 500) -> list[Letter]:
        return await self.store.page(after, limit)

    async def mailbox(self, after: str = "", limit: int = 500) -> list[Delivered]:
        return await self.mailer.delivered(after, limit)

    @on(UserCreated)
    async def greet(self, event: UserCreated) -> None:
        """Greet, and send what has waited for this address: an order may be heard of before its customer."""
        await self.store.set_address(event.user_id, event.email)
        await self.store.add(welcome(event))
        for letter in await self.store.unsent(event.user_id):
            await self.start(self.deliver, letter.id, id=letter.id)

    @on(UserEmailUpdated)
    async def follow(self, event: UserEmailUpdated) -> None:
        await self.store.set_address(event.user_id, event.email)

    @on(OrderConfirmed)
    async def confirm(self, event: OrderConfirmed) -> None:
        await self._write(confirmation(event))

    @on(OrderCancelled)
    async def regret(self, event: OrderCancelled) -> None:
        await self._write(cancellation(event))

    async def _write(self, draft: Draft) -> None:
        await self.store.add(draft)
        if await self.store.has_address(draft.letter.user_id):
            await self.start(self.deliver, draft.letter.id, id=draft.letter.id)

    async def _mail(self, letter_id: str) -> Mail:
        mail = await self.store.mail(letter_id)
        if mail is None:
            raise NotFound(f"there is no letter {letter_id}, or no address for it")
        return mail

    async def _mark(self, letter_id: str) -> None:
        await self.store.mark(letter_id, self.clock.now())
