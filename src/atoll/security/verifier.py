"""The check of an access token: who signed it, for whom, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from atoll.core import Clock, Principal
from atoll.security.errors import InvalidToken
from atoll.security.jose import has_good_signature
from atoll.security.key_set import FetchKeys, KeySet
from atoll.security.tokens import Claims, check_claims, principal_of, read_claims, read_header

LEEWAY: Final = 30.0
"""Seconds that clocks of issuer and verifier may differ."""
CAPACITY: Final = 4096
"""Verified tokens that are remembered."""


@dataclass(frozen=True, slots=True)
class _Verified:
    expires: float
    kid: str
    principal: Principal


class TokenVerifier:
    """Verifies access tokens of one issuer for one audience, and remembers those it has verified.

    A remembered token costs a look-up until it expires or its key is withdrawn. The rules are those of RFC 9068
    and RFC 8725: typ `at+jwt`, the algorithm pinned to the key's, `crit` and keys in the header refused, iss,
    aud, sub and exp required. Roles come from the claim `roles`.
    """

    def __init__(
        self, issuer: str, audience: str, fetch_keys: FetchKeys, clock: Clock, *, leeway: float = LEEWAY
    ) -> None:
        self._issuer, self._audience = issuer, audience
        self._clock, self._leeway = clock, leeway
        self._keys = KeySet(fetch_keys, clock)
        self._verified: dict[str, _Verified] = {}

    async def verify(self, token: str) -> Principal:
        """Return the user whom `token` proves. Raises InvalidToken, ExpiredToken or KeysUnavailable.

        Only the first sight of a token may fetch the issuer's keys; cancellable.
        """
        known = self._verified.get(token)
        if known is not None and self._clock.now() < known.expires and known.kid in self._keys:
            return known.principal
        self._verified.pop(token, None)
        kid, claims = await self._proved(token)
        check_claims(claims, issuer=self._issuer, audience=self._audience, now=self._clock.now(), leeway=self._leeway)
        return self._remember(token, kid, claims)

    async def _proved(self, token: str) -> tuple[str, Claims]:
        header = read_header(token)
        public = await self._keys.find(header.kid)
        if header.alg != public.algorithm:
            raise InvalidToken("the token names another algorithm than its key is for")
        if not has_good_signature(token, public.key):
            raise InvalidToken("the token's signature is wrong")
        return header.kid, read_claims(token)

    def _remember(self, token: str, kid: str, claims: Claims) -> Principal:
        principal = principal_of(claims, token)
        if len(self._verified) >= CAPACITY:
            del self._verified[next(iter(self._verified))]
        self._verified[token] = _Verified(claims.exp + self._leeway, kid, principal)
        return principal
