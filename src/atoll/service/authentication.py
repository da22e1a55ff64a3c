"""From an Authorization header to a principal: the service checks the token again, whatever the gateway did."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from atoll.core.context import Principal
from atoll.security import TokenVerifier
from atoll.service.errors import Unauthenticated


def authenticator(verifier: TokenVerifier | None) -> Callable[[str], Awaitable[Principal | None]]:
    """Return the check of an Authorization header: None without one; raises when the token is not valid.

    Without a verifier (no issuer is set) any token is refused: fail closed.
    """

    async def authenticate(header: str) -> Principal | None:
        if not header:
            return None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("the Authorization header must be `Bearer <token>`")
        if verifier is None:
            raise Unauthenticated("this service has no token issuer; set ATOLL_ISSUER and ATOLL_JWKS_URL")
        return await verifier.verify(token.strip())

    return authenticate
