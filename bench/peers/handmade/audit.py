"""Every event in a chain: each entry's hash covers the entry and the hash before it."""

from __future__ import annotations

import json
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Mapped, mapped_column

from peers.handmade.database import Base, sessions
from peers.handmade.messages import EVENTS, Envelope
from peers.handmade.service import create_app

GENESIS = "0" * 64


class EntryRow(Base):
    __tablename__ = "entries"

    seq: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(unique=True)
    event_type: Mapped[str]
    source: Mapped[str]
    key: Mapped[str]
    time: Mapped[float]
    data: Mapped[str]
    hash: Mapped[str]


async def hear(envelope: Envelope) -> None:
    data = json.dumps(envelope.data)
    async with sessions.begin() as session:
        head = (
            await session.execute(select(EntryRow.seq, EntryRow.hash).order_by(EntryRow.seq.desc()).limit(1))
        ).first()
        seq, previous = (head.seq + 1, head.hash) if head else (1, GENESIS)
        row = EntryRow(
            seq=seq,
            event_id=envelope.id,
            event_type=envelope.type,
            source=envelope.source,
            key=envelope.key,
            time=envelope.time,
            data=data,
        )
        content = json.dumps([row.seq, row.event_id, row.event_type, row.source, row.key, row.time, row.data])
        row.hash = sha256((previous + content).encode()).hexdigest()
        session.add(row)


app = create_app("audit", handlers=dict.fromkeys(EVENTS, hear))
