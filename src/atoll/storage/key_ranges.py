"""The ranges of keys by which the relays of several replicas share one outbox."""

from __future__ import annotations

from typing import Final
from zlib import crc32

from atoll.contracts import Message

RANGES: Final = 16
"""How many there are. As many replicas can have a relay at work; the others stand by."""


def lane_of(message: Message) -> str:
    """Return what `message` stays in order with: the messages of its key, without one only itself."""
    return message.key or message.id


def range_of(lane: str) -> int:
    """Return the range of a lane: the same in every process and version, because rows are stored with it."""
    return crc32(lane.encode()) % RANGES
