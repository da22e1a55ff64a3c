"""The rules of credentials and sessions."""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import Final, Literal

import msgspec

ACCESS_SECONDS: Final = 600
REFRESH_SECONDS: Final = 14 * 86_400
TICKET_SECONDS: Final = 900
KEY_DAYS: Final = 7

FREE_TRIES: Final = 5
LONGEST_WAIT: Final = 900.0

Verdict = Literal["good", "reused", "dead"]


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """Who signs in with which password. `failed_at` is when the last of `failures` wrong passwords came."""

    user_id: str
    password_hash: str
    roles: list[str] = []
    failures: int = 0
    failed_at: float = 0.0


class RefreshToken(msgspec.Struct, frozen=True, kw_only=True):
    """A refresh token as it is kept; `live` is that of its session."""

    session_id: str
    user_id: str
    expires_at: float
    used: bool
    live: bool


def new_secret() -> str:
    """Return 256 random bits as text that nobody can guess."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return what is stored of a secret: enough to know it again, of no use to a thief of the table."""
    return sha256(secret.encode()).hexdigest()


def wait_for(credentials: Credentials, now: float) -> float:
    """Return how many seconds this account's owner must wait: doubled with each failure after the free tries."""
    beyond = credentials.failures - FREE_TRIES
    if beyond < 0:
        return 0.0
    wait = min(LONGEST_WAIT, 2.0 ** min(beyond, 20))
    return max(0.0, credentials.failed_at + wait - now)


def judge(token: RefreshToken | None, now: float) -> Verdict:
    """Decide on a refresh token. One that was exchanged before is stolen goods, or its successor is."""
    if token is None or not token.live or token.expires_at <= now:
        return "dead"
    return "reused" if token.used else "good"
