"""What customers find: products and how many of each are there."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Mapped, mapped_column

from peers.handmade.database import Base, sessions
from peers.handmade.messages import Envelope, StockReleased, StockReserved
from peers.handmade.service import create_app
from shop.catalogue import make_catalogue


class EntryRow(Base):
    __tablename__ = "entries"

    sku: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str]
    category: Mapped[str]
    amount: Mapped[int]
    available: Mapped[int]


def _entries() -> list[Base]:
    return [
        EntryRow(
            sku=item.product.sku,
            name=item.product.name,
            description=item.product.description,
            category=item.product.category,
            amount=item.product.price.amount,
            available=item.stock,
        )
        for item in make_catalogue().items
    ]


async def count(envelope: Envelope) -> None:
    event = StockReserved.model_validate(envelope.data)
    async with sessions.begin() as session:
        await session.execute(update(EntryRow).where(EntryRow.sku == event.sku).values(available=event.available))


app = create_app("catalog", seed=(EntryRow, _entries), handlers={StockReserved: count, StockReleased: count})
