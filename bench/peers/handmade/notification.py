"""Mail to customers, over SMTP."""

from __future__ import annotations

import time
from email.message import EmailMessage
from urllib.parse import urlsplit

from aiosmtplib import SMTP
from sqlalchemy.orm import Mapped, mapped_column

from peers.handmade.database import Base, sessions
from peers.handmade.messages import Envelope, OrderConfirmed, UserCreated
from peers.handmade.service import create_app
from peers.handmade.settings import url_of

SENDER = "The Shop <orders@shop.example>"


class AddressRow(Base):
    __tablename__ = "addresses"

    user_id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str]


class LetterRow(Base):
    __tablename__ = "letters"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    about: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    sent_at: Mapped[float]


async def greet(envelope: Envelope) -> None:
    event = UserCreated.model_validate(envelope.data)
    async with sessions.begin() as session:
        session.add(AddressRow(user_id=event.user_id, email=event.email))
    body = f"Hello {event.name},\n\nyour account is ready. We are glad you are here.\n"
    letter = _letter("welcome", event.user_id, event.user_id, "Welcome to the shop", body)
    await _deliver(letter, event.email)


async def confirm(envelope: Envelope) -> None:
    event = OrderConfirmed.model_validate(envelope.data)
    async with sessions() as session:
        address = await session.get(AddressRow, event.user_id)
    if address is None:
        raise LookupError(f"nobody knows the address of {event.user_id}")
    amount = f"{event.total.amount // 100}.{event.total.amount % 100:02d} {event.total.currency}"
    body = (
        f"Thank you for your order {event.order_id}.\n\n"
        f"We have charged {amount} to your {event.payment_method} card.\n"
        f"Your parcel has the tracking number {event.tracking}.\n"
    )
    letter = _letter("order_confirmed", event.order_id, event.user_id, "Your order is on its way", body)
    await _deliver(letter, address.email)


app = create_app("notification", handlers={UserCreated: greet, OrderConfirmed: confirm}, parallel=True)


async def _deliver(letter: LetterRow, to: str) -> None:
    message = EmailMessage()
    message["Message-ID"] = f"<{letter.id}>"
    message["From"], message["To"], message["Subject"] = SENDER, to, letter.subject
    message.set_content(letter.body)
    server = urlsplit(url_of("mail"))
    async with SMTP(hostname=server.hostname, port=server.port, start_tls=False) as smtp:
        await smtp.send_message(message)
    letter.sent_at = time.time()
    async with sessions.begin() as session:
        session.add(letter)


def _letter(kind: str, about: str, user_id: str, subject: str, body: str) -> LetterRow:
    name = f"{kind}.{about}@shop.example"
    return LetterRow(id=name, user_id=user_id, kind=kind, about=about, subject=subject, body=body)
