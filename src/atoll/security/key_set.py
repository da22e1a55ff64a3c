"""A verifier's copy of the issuer's public keys: fetched when needed, never too often, kept when that fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec

from atoll.core import Clock
from atoll.security.errors import InvalidToken, KeysUnavailable
from atoll.security.jose import Key, import_key

FetchKeys: TypeAlias = Callable[[], Awaitable[Mapping[str, Any]]]
"""Returns the issuer's key set (RFC 7517 §5), from its `/.well-known/jwks.json` or out of the same process."""

MAX_AGE: Final = 600.0
PAUSE: Final = 5.0
"""Seconds between two fetches, however many tokens with unknown keys arrive."""
RETRY: Final = 1.0
"""Seconds between two fetches while there are no keys at all."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A key and the only algorithm it verifies."""

    algorithm: str
    key: Key


class KeySet:
    """Looks keys up by kid, and fetches the set again when one is unknown or the set is old."""

    def __init__(self, fetch: FetchKeys, clock: Clock) -> None:
        self._fetch, self._clock = fetch, clock
        self._keys: dict[str, PublicKey] = {}
        self._stale_at = self._next_fetch = float("-inf")
        self._lock = asyncio.Lock()

    def __contains__(self, kid: object) -> bool:
        return kid in self._keys

    async def find(self, kid: str) -> PublicKey:
        """Return the key `kid`. Raises InvalidToken when it is unknown, KeysUnavailable when all are."""
        if not self._fresh(kid):
            async with self._lock:
                await self._refresh()
        if not self._keys:
            raise KeysUnavailable("the issuer's keys cannot be fetched, so no token can be verified; try again")
        if kid not in self._keys:
            raise InvalidToken("the token is signed with a key that its issuer does not publish")
        return self._keys[kid]

    def _fresh(self, kid: str) -> bool:
        return kid in self._keys and self._clock.monotonic() < self._stale_at

    async def _refresh(self) -> None:
        # Also turns back those who waited for the lock while another fetched.
        if self._clock.monotonic() < self._next_fetch:
            return
        try:
            self._keys = read_keys(await self._fetch())
            self._stale_at = self._clock.monotonic() + MAX_AGE
        except Exception as error:  # noqa: BLE001 - logged; what is known stays in use
            _logger.warning("the issuer's keys cannot be fetched, %d are known: %r", len(self._keys), error)
        self._next_fetch = self._clock.monotonic() + (PAUSE if self._keys else RETRY)


def read_keys(document: Mapping[str, Any]) -> dict[str, PublicKey]:
    """Return the keys of a JWK set that can verify our tokens, by kid; others are passed over.

    A key must say its `kid` and its `alg`; `use` may be missing. Raises ValueError when it is no JWK set.
    """
    entries = document.get("keys")
    if not isinstance(entries, list):
        raise ValueError("the issuer's key set has no list of keys")
    usable = (_read_key(entry) for entry in msgspec.convert(entries, list[dict[str, Any]]))
    return {kid: key for kid, key in usable if key is not None}


def _read_key(jwk: dict[str, Any]) -> tuple[str, PublicKey | None]:
    kid, algorithm = str(jwk.get("kid", "")), str(jwk.get("alg", ""))
    if not kid or jwk.get("use", "sig") != "sig":
        return kid, None
    try:
        return kid, PublicKey(algorithm=algorithm, key=import_key(algorithm, jwk))
    except ValueError as error:
        _logger.debug("key %r of the issuer is passed over: %s", kid, error)
        return kid, None
