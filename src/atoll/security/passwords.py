"""Passwords at rest: Argon2id with the parameters OWASP recommends, off the event loop.

https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html (m=19456 KiB, t=2, p=1).
"""

from __future__ import annotations

import asyncio
import unicodedata
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from atoll.security.errors import UnusableHash

_hasher: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)
_DECOY: Final = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
"""Costs as much to refuse as a real hash, so that time does not tell which accounts exist."""
_UNUSABLE: Final = "the stored password hash is not one of Argon2; the account needs a new password"


async def hash_password(password: str) -> str:
    """Return a new salted hash to store: a PHC string that names its algorithm and parameters.

    Runs in a worker thread, some 20 ms and 19 MiB.
    """
    return await asyncio.to_thread(_hasher.hash, _prepared(password))


async def verify_password(password: str, stored: str | None) -> bool:
    """Tell whether `password` is the one `stored` was made from.

    Give None for an account that is not there: it takes as long and is False. Raises UnusableHash when `stored`
    is not a hash of `hash_password`. Runs in a worker thread.
    """
    matches = await asyncio.to_thread(_verify, _prepared(password), _DECOY if stored is None else stored)
    return matches and stored is not None


def needs_rehash(stored: str) -> bool:
    """Tell whether `stored` was made with other parameters than today's.

    Ask after a sign-in has succeeded, while the password is at hand, and store `hash_password` of it again.
    """
    try:
        return _hasher.check_needs_rehash(stored)
    except InvalidHashError as error:
        raise UnusableHash(_UNUSABLE) from error


def _verify(password: bytes, stored: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except VerifyMismatchError:
        return False
    except (InvalidHashError, VerificationError) as error:
        raise UnusableHash(_UNUSABLE) from error


def _prepared(password: str) -> bytes:
    """One form for what different keyboards write differently (NIST SP 800-63B §5.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
