"""The chain: each entry's hash covers the entry and the hash before it, so nothing can be changed unseen."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

import msgspec

from atoll.contracts import Message

GENESIS: Final = "0" * 64
"""What stands before the first entry."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it is kept, with its place in the chain."""

    seq: int
    event_id: str
    event_type: str
    source: str
    key: str
    time: float
    data: bytes
    hash: str = ""


class Head(msgspec.Struct, frozen=True):
    """The end of the chain."""

    seq: int = 0
    hash: str = GENESIS


def link(head: Head, message: Message) -> Record:
    """Return the record that continues the chain with `message`."""
    record = Record(
        seq=head.seq + 1,
        event_id=message.id,
        event_type=message.type,
        source=message.source,
        key=message.key,
        time=message.time,
        data=message.data,
    )
    return msgspec.structs.replace(record, hash=hash_of(head.hash, record))


def hash_of(previous: str, record: Record) -> str:
    """Return the hash of a record behind the entry with the hash `previous`."""
    content = msgspec.json.encode(msgspec.structs.astuple(msgspec.structs.replace(record, hash="")))
    return sha256(previous.encode() + content).hexdigest()


def walk(head: Head, records: Iterable[Record]) -> tuple[Head, int | None]:
    """Follow the chain from `head`; return where it ends and the place of the first entry that does not fit."""
    for record in records:
        if record.seq != head.seq + 1 or record.hash != hash_of(head.hash, record):
            return head, record.seq
        head = Head(record.seq, record.hash)
    return head, None
