"""Mail to customers: one message for each fact they should hear of."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from atoll.contracts import command, contract, query
from shop.contracts.values import PageSize

LetterKind = Literal["welcome", "order_confirmed", "order_cancelled"]


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One message. `id` is its Message-ID, the same at every attempt; `about` the order or user it tells of.

    `sent_at` is in epoch seconds, None while it is on its way.
    """

    id: str
    user_id: str
    kind: LetterKind
    about: str
    subject: str
    sent_at: float | None = None


class Delivered(msgspec.Struct, frozen=True):
    """A Message-ID in the mail server's mailbox and how many copies of it are there."""

    id: str
    copies: int


@contract("notification")
class Notifications(Protocol):
    """Mail, exactly one message a fact as far as SMTP allows: a repeated one has the same Message-ID."""

    @query("GET /messages", public=True)
    async def messages(self, after: str = "", limit: PageSize = 50) -> list[Letter]:
        """What was written to the customer who asks, in the order of ids, beginning behind `after`."""
        ...

    @command("DELETE /addresses/{user_id}")
    async def forget(self, user_id: str) -> None:
        """Forget a customer's address and the text of their letters, and write no more. Repeating it is no error."""
        ...

    @query("GET /ledger/messages")
    async def message_ledger(self, after: str = "", limit: PageSize = 500) -> list[Letter]:
        """Every message in the order of ids, beginning behind `after`. For checks."""
        ...

    @query("GET /ledger/mailbox")
    async def mailbox(self, after: str = "", limit: PageSize = 500) -> list[Delivered]:
        """What the mail server has, in the order of ids, beginning behind `after`. For checks."""
        ...
