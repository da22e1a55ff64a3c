"""The service that forgets nothing: every event of every service, once, in a chain."""

from __future__ import annotations

from atoll.contracts import Event, Message
from atoll.service import Service, on
from atoll.storage import Database
from shop.contracts import ALL_EVENTS
from shop.contracts.audit import Audit, AuditEntry, Verification
from shop.contracts.privacy import impersonal
from shop.services.audit.domain import Head, link, walk
from shop.services.audit.store import AuditStore

PAGE = 1000


class AuditService(Service, Audit):
    """Appends in the transaction that notes an event as heard, so each stands in the chain exactly once.

    A link can never be taken out again, so what is personal is not put in.
    """

    version = "1.0.0"
    migrations = "migrations"

    def __init__(self, db: Database) -> None:
        self.store = AuditStore(db)

    async def verify(self) -> Verification:
        head = Head()
        while records := await self.store.records(head.seq, PAGE):
            head, broken_at = walk(head, records)
            if broken_at is not None:
                return Verification(entries=head.seq, head=head.hash, intact=False, broken_at=broken_at)
        return Verification(entries=head.seq, head=head.hash, intact=True)

    async def entries(self, after: int = 0, limit: int = 500) -> list[AuditEntry]:
        return await self.store.page(after, limit)

    @on(*ALL_EVENTS)
    async def hear(self, event: Event, message: Message) -> None:
        await self.store.add(link(await self.store.head(), impersonal(message, event)))
