"""Seals personal fields, and snapshots that hold some, with the keys of those they are about."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SEALED: Final = "$sealed"
"""Names the member with the sealed value in the JSON object that stands in its place."""

_NONCE_BYTES: Final = 12


def seal(key: bytes, data: bytes, about: str) -> bytes:
    """Return `data` sealed; only the same key and the same `about` open it."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, about.encode())


def unseal(key: bytes, sealed: bytes, about: str) -> bytes:
    """Return what was sealed. Raises ValueError when it was changed, or sealed with another key or about another."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about.encode())
    except InvalidTag as error:
        raise ValueError("it was changed, or sealed for something else") from error


def sealed_value(key: bytes, value: Any, *, subject: str, erased: Any, about: str) -> dict[str, Any]:
    """Return what stands in JSON for a value of `subject`; it tells what to read once the key is gone."""
    sealed = seal(key, msgspec.json.encode(value), f"{about} of {subject}")
    return {SEALED: base64.b64encode(sealed).decode(), "subject": subject, "erased": erased}


def opened_value(keys: Mapping[str, bytes], sealed: Mapping[str, Any], about: str) -> Any:
    """Return the value that `sealed_value` was given, or what to read without the key. Raises ValueError."""
    if (key := keys.get(subject := sealed["subject"])) is None:
        return sealed["erased"]
    return msgspec.json.decode(unseal(key, base64.b64decode(sealed[SEALED]), f"{about} of {subject}"))


def is_sealed(value: object) -> bool:
    """Tell whether a JSON value stands for a sealed one."""
    return isinstance(value, dict) and SEALED in value


def joint_key(keys: Iterable[bytes]) -> bytes:
    """Return the key that needs all of `keys`, in this order: without any one of them nobody can make it."""
    return HKDF(SHA256(), 32, salt=None, info=b"atoll joint key").derive(b"".join(keys))
