"""A clock that stands still, an issuer in memory, and tokens signed by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from atoll.security import SigningKeys, TokenVerifier, access_token
from atoll.security.jose import Algorithm, generate_key, sign

ISSUER = "https://auth.example"
AUDIENCE = "shop"


class ManualClock:
    """Stands still until `advance`."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.time += seconds


class Issuer:
    """Signs tokens and serves its keys, counting how often; can be out of order."""

    def __init__(self, clock: ManualClock, algorithm: Algorithm = "EdDSA") -> None:
        self.clock = clock
        self.keys = SigningKeys.generate(algorithm, clock=clock)
        self.fetches = 0
        self.down = False
        self.document: Mapping[str, Any] | None = None

    async def fetch(self) -> Mapping[str, Any]:
        self.fetches += 1
        if self.down:
            raise ConnectionError("the issuer is down")
        return self.document or self.keys.jwks()

    def token(self, *, lifetime: float = 900.0, audience: str = AUDIENCE, roles: tuple[str, ...] = ()) -> str:
        return access_token(
            self.keys,
            issuer=ISSUER,
            audience=audience,
            subject="user-1",
            roles=roles,
            lifetime=lifetime,
            clock=self.clock,
        )

    def verifier(self) -> TokenVerifier:
        return TokenVerifier(ISSUER, AUDIENCE, self.fetch, self.clock)

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Good claims with some changed; None takes one out."""
        now = self.clock.now()
        good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "user-1", "iat": now, "exp": now + 900, "jti": "1"}
        return {name: value for name, value in (good | changes).items() if value is not None}

    def header(self, **changes: Any) -> dict[str, Any]:
        public = self.keys.jwks()["keys"][0]
        good = {"alg": public["alg"], "kid": public["kid"], "typ": "at+jwt"}
        return {name: value for name, value in (good | changes).items() if value is not None}

    def signed(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        """A token with any header whatever, its signature right for the issuer's key."""
        return self.signed_parts(encoded(header), encoded(claims))

    def signed_parts(self, header: str, claims: str) -> str:
        unsigned = f"{header}.{claims}"
        key = next(iter(self.keys._private.values())).private_key
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError("only an issuer with EdDSA signs by hand")
        return f"{unsigned}.{b64(key.sign(unsigned.encode()))}"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def encoded(value: object) -> str:
    return b64(json.dumps(value).encode())


def hs256(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    unsigned = f"{encoded(header)}.{encoded(claims)}"
    return f"{unsigned}.{b64(hmac.new(secret, unsigned.encode(), hashlib.sha256).digest())}"


def signed_by_a_stranger(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return sign(header, json.dumps(claims).encode(), generate_key("EdDSA"))
