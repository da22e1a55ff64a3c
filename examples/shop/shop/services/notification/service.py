"""The service that writes to customers: one letter a fact, sent by a saga so that a slow mail server blocks nothing."""

from __future__ import annotations

from atoll.core import Clock
from atoll.saga import Saga, saga
from atoll.service import Service, on
from atoll.storage import Database
from shop.contracts.notification import Delivered, Letter, Notifications
from shop.contracts.order import OrderCancelled, OrderConfirmed
from shop.contracts.user import UserCreated, UserEmailUpdated
from shop.services.notification.domain import Draft, Mailer, cancellation, confirmation, welcome
from shop.services.notification.store import LetterStore


class Post:
    """Letters handed to the mail server, outside of any unit of work: it may take its time."""

    def __init__(self, store: LetterStore, mailer: Mailer) -> None:
        self.store, self.mailer = store, mailer

    async def send(self, letter_id: str) -> None:
        """Send a letter, unless it is gone because its customer is. May be repeated: its Message-ID stays."""
        mail = await self.store.mail(letter_id)
        if mail is not None:
            await self.mailer.send(mail)


class NotificationService(Service, Notifications):
    """The intent is kept with the inbox row of its event; then sent under a stable Message-ID; then marked."""

    version = "1.0.0"
    migrations = "migrations"

    def __init__(self, db: Database, clock: Clock, mailer: Mailer) -> None:
        self.store = LetterStore(db)
        self.clock = clock
        self.mailer, self.post = mailer, Post(self.store, mailer)

    @saga
    async def deliver(self, s: Saga, letter_id: str) -> None:
        """No address and no text is in the journal: whoever is forgotten meanwhile is forgotten here too."""
        # A mail cannot be unsent: were the saga to unwind behind this step, it is marked all the same.
        await s.step("send", self.post.send, letter_id, undo=lambda _: self._mark(letter_id))
        await s.step("mark", self._mark, letter_id)

    async def forget(self, user_id: str) -> None:
        await self.store.forget(user_id)

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
        await self._write(welcome(event))
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
        address = await self.store.address(draft.letter.user_id)
        if address == "":
            return
        await self.store.add(draft)
        if address is not None:
            await self.start(self.deliver, draft.letter.id, id=draft.letter.id)

    async def _mark(self, letter_id: str) -> None:
        await self.store.mark(letter_id, self.clock.now())
