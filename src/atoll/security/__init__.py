"""Passwords, signing keys and access tokens: what an authorization server writes and every service checks."""

from atoll.security.errors import (
    ExpiredToken,
    InvalidToken,
    KeysUnavailable,
    SecurityError,
    UnusableHash,
    UnusableKeys,
)
from atoll.security.keys import SigningKeys
from atoll.security.passwords import hash_password, needs_rehash, verify_password
from atoll.security.tokens import access_token
from atoll.security.verifier import TokenVerifier

__all__ = [
    "ExpiredToken",
    "InvalidToken",
    "KeysUnavailable",
    "SecurityError",
    "SigningKeys",
    "TokenVerifier",
    "UnusableHash",
    "UnusableKeys",
    "access_token",
    "hash_password",
    "needs_rehash",
    "verify_password",
]
