"""Where a service gets the issuer's public keys from: another service of the system."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from atoll.clients.port import Request, Resolver, Transport
from atoll.core.clock import Clock
from atoll.core.errors import SettingsError
from atoll.core.settings import Settings
from atoll.security import KeysUnavailable, TokenVerifier

FETCH_SECONDS = 3.0


def token_verifier(settings: Settings, resolver: Resolver, transport: Transport, clock: Clock) -> TokenVerifier | None:
    """Return the verifier the settings ask for; None when no issuer is named.

    Raises SettingsError when the issuer is named but not its audience or keys.
    """
    if not settings.issuer:
        return None
    url = urlsplit(settings.jwks_url)
    if url.scheme != "service" or not url.hostname or not settings.audience:
        raise SettingsError(
            [
                "ATOLL_ISSUER is set, so ATOLL_AUDIENCE must be too, and ATOLL_JWKS_URL must look like "
                "service://auth/.well-known/jwks.json"
            ]
        )
    fetch = _fetcher(url.hostname, url.path, resolver, transport)
    return TokenVerifier(settings.issuer, settings.audience, fetch, clock)


def _fetcher(
    service: str, path: str, resolver: Resolver, transport: Transport
) -> Callable[[], Awaitable[dict[str, Any]]]:
    async def fetch() -> dict[str, Any]:
        instances = await resolver.instances(service)
        if not instances:
            raise KeysUnavailable(f"the keys of the token issuer cannot be fetched: no instance of {service} is there")
        request = Request(method="GET", target=path, replayable=True)
        reply = await transport.send(instances[0], request, timeout=FETCH_SECONDS)
        return msgspec.json.decode(reply.body, type=dict[str, Any])

    return fetch
