"""Access tokens: how ours are written (RFC 9068), and the rules by which any is read (RFC 8725, RFC 7519)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Any, Final, TypeVar

import msgspec

from atoll.core import Clock, Principal, new_id
from atoll.security.errors import ExpiredToken, InvalidToken
from atoll.security.keys import SigningKeys

T = TypeVar("T")

MAX_LENGTH: Final = 8192
"""Characters of the longest token we look at."""

_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})
_FORBIDDEN: Final = ("crit", "b64", "jku", "jwk", "x5u", "x5c")
"""Header parameters that would have us follow a rule or a key of the sender's choice."""


class Header(msgspec.Struct, frozen=True):
    """The part of a token's header we act on."""

    alg: str
    kid: str
    typ: str


class Claims(msgspec.Struct, frozen=True):
    """The part of a token's claims we act on; times are seconds since the epoch."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: float
    nbf: float | None = None
    iat: float | None = None
    roles: list[str] = []


def access_token(
    keys: SigningKeys,
    *,
    issuer: str,
    audience: str,
    subject: str,
    roles: Iterable[str] = (),
    lifetime: float,
    clock: Clock,
) -> str:
    """Return a signed access token for `subject` that `audience` accepts for `lifetime` seconds.

    It has typ `at+jwt` and the claims iss, aud, sub, roles, iat, exp and jti.
    """
    now = clock.now()
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": audience,
        "sub": subject,
        "roles": sorted(roles),
        "iat": int(now),
        "exp": int(now + lifetime),
        "jti": new_id(),
    }
    return keys.sign(claims)


def read_header(token: str) -> Header:
    """Return the header of `token`, nothing of which is proved yet. Raises InvalidToken.

    Stricter than JOSE asks: three parts in canonical base64url, so that one signature has one spelling.
    """
    parts = token.split(".") if len(token) <= MAX_LENGTH else []
    if len(parts) != 3:
        raise InvalidToken("the token does not have the three parts of a signed JWT")
    header, _, _ = (_decoded(part) for part in parts)
    fields = _parsed(header, dict[str, msgspec.Raw])
    if refused := [name for name in _FORBIDDEN if name in fields]:
        raise InvalidToken(f"the token's header has {refused[0]!r}, which is refused")
    read = _parsed(header, Header)
    if read.typ.lower() not in _TYPES:
        raise InvalidToken("the token is not an access token: its typ is not at+jwt")
    return read


def read_claims(token: str) -> Claims:
    """Return the claims of `token`, whose signature the caller has verified. Raises InvalidToken."""
    return _parsed(_decoded(token.split(".")[1]), Claims)


def check_claims(claims: Claims, *, issuer: str, audience: str, now: float, leeway: float) -> None:
    """Raise InvalidToken or ExpiredToken unless `issuer` meant the claims for `audience` and for `now`."""
    if claims.iss != issuer:
        raise InvalidToken("the token is from another issuer")
    if audience not in ([claims.aud] if isinstance(claims.aud, str) else claims.aud):
        raise InvalidToken("the token is meant for another audience")
    if not claims.sub:
        raise InvalidToken("the token names no subject")
    if now >= claims.exp + leeway:
        raise ExpiredToken("the token has expired")
    if max(claims.nbf or 0.0, claims.iat or 0.0) > now + leeway:
        raise InvalidToken("the token is not valid yet")


def principal_of(claims: Claims, token: str) -> Principal:
    """Return the user that checked `claims` name."""
    return Principal(subject=claims.sub, roles=frozenset(claims.roles), token=token)


def _parsed(data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise InvalidToken("the token's header or claims are malformed, or one we need is missing") from error


def _decoded(part: str) -> bytes:
    try:
        data = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidToken("the token is not base64url") from error
    if base64.urlsafe_b64encode(data).rstrip(b"=") != part.encode():
        raise InvalidToken("the token is not canonical base64url")
    return data
