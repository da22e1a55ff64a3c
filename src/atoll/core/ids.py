"""Identifiers that sort by the time they were made (UUID version 7, RFC 9562 §5.7)."""

from __future__ import annotations

from hashlib import sha256

from atoll.core.machine import machine


def new_id() -> str:
    """Return a new UUIDv7 as 36 characters: unique everywhere, and in rough order of creation."""
    here = machine()
    milliseconds = int(here.now() * 1000)
    random = int.from_bytes(here.random_bytes(10), "big")
    value = milliseconds << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76  # version 7
    value = value & ~(0x3 << 62) | 0x2 << 62  # variant 10
    return _dashed(f"{value:032x}")


def derived_id(*parts: str) -> str:
    """Return the identifier that belongs to `parts` and no others (UUIDv8 over SHA-256, RFC 9562 §5.8)."""
    digest = sha256("".join(f"{len(each)}:{each}" for each in parts).encode()).digest()
    value = int.from_bytes(digest[:16], "big")
    value = value & ~(0xF << 76) | 0x8 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return _dashed(f"{value:032x}")


def _dashed(text: str) -> str:
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
