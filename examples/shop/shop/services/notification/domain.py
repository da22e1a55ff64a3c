"""What is written to customers, and the mail server as this service sees it."""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from shop.contracts.notification import Delivered, Letter, LetterKind
from shop.contracts.order import OrderCancelled, OrderConfirmed
from shop.contracts.user import UserCreated

SENDER: Final = "The Shop <orders@shop.example>"

_REASONS: Final = {
    "out_of_stock": "something in it ran out",
    "card_declined": "your card was declined",
    "country_not_served": "we do not deliver to your country",
    "address_refused": "the carrier cannot deliver to your address",
}


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it goes out. `id` is its Message-ID without the angle brackets, the same at every attempt."""

    id: str
    to: str
    subject: str
    body: str


class Mailer(Protocol):
    """The mail server. A failure that may pass says it is retryable."""

    async def send(self, mail: Mail) -> None:
        """Hand a message over. When the answer is lost it may be sent again, under the same id."""
        ...

    async def delivered(self, after: str, limit: int) -> list[Delivered]:
        """Return what the server has, in the order of ids, beginning behind `after`."""
        ...


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A letter and its text."""

    letter: Letter
    body: str


def welcome(event: UserCreated) -> Draft:
    """Greet a new customer."""
    body = f"Hello {event.name},\n\nyour account is ready. We are glad you are here.\n"
    return _draft("welcome", event.user_id, event.user_id, "Welcome to the shop", body)


def confirmation(event: OrderConfirmed) -> Draft:
    """Tell that an order is on its way."""
    body = (
        f"Thank you for your order {event.order_id}.\n\n"
        f"We have charged {event.total} to your {event.payment_method} card.\n"
        f"Your parcel has the tracking number {event.tracking}.\n"
    )
    return _draft("order_confirmed", event.order_id, event.user_id, "Your order is on its way", body)


def cancellation(event: OrderCancelled) -> Draft:
    """Tell that an order came to nothing."""
    reason = _REASONS.get(event.reason, "something went wrong on our side")
    body = (
        f"We are sorry: your order {event.order_id} over {event.total} was cancelled, because {reason}.\n\n"
        "Nothing was charged; what was in it is in your cart again.\n"
    )
    return _draft("order_cancelled", event.order_id, event.user_id, "Your order was cancelled", body)


def message_id(kind: LetterKind, about: str) -> str:
    """Return the Message-ID of the one letter of this kind about an order or user."""
    return f"{kind}.{about}@shop.example"


def _draft(kind: LetterKind, about: str, user_id: str, subject: str, body: str) -> Draft:
    letter = Letter(id=message_id(kind, about), user_id=user_id, kind=kind, about=about, subject=subject)
    return Draft(letter=letter, body=body)
