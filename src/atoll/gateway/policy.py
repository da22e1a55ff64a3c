"""What a system declares about its gateway: address, tokens, origins, limits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from atoll.contracts import Rate
from atoll.core.errors import DeclarationError

READY_PATH: Final = "/healthz"
"""Reserved: answers 200 when the gateway takes requests, with no token and no limit."""

DEFAULT_LIMIT: Final = Rate(requests=6000, seconds=60)

_ORIGIN: Final = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Jwt:
    """How the gateway verifies access tokens (RFC 7519): issuer, audience, expiry and signature.

    The keys are fetched from `service` at `jwks_path` at the start and every `refresh` seconds, so a new key
    is published at least that long before it signs. `leeway` is the clock skew allowed, in seconds. `roles`
    names the claim that holds the list of the user's roles. Algorithms are those Envoy knows: RS, PS, ES and
    EdDSA under that name.
    """

    issuer: str
    audience: str
    service: str = "auth"
    jwks_path: str = "/.well-known/jwks.json"
    refresh: int = 60
    leeway: int = 30
    roles: str = "roles"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cors:
    """Which web pages may call the gateway (the Fetch standard's CORS protocol).

    `origins` are compared exactly, for example `https://shop.example.com`; there is no wildcard. `headers` may
    be sent and `expose` may be read by the page; `max_age` is how many seconds it may keep a preflight's
    answer. `credentials` allows cookies, which bearer tokens do not need.
    """

    origins: tuple[str, ...]
    headers: tuple[str, ...] = ("authorization", "content-type", "idempotency-key", "traceparent")
    expose: tuple[str, ...] = ("location", "ratelimit", "ratelimit-policy", "retry-after", "x-request-id")
    max_age: int = 600
    credentials: bool = False

    def __post_init__(self) -> None:
        for origin in self.origins:
            if not _ORIGIN.fullmatch(origin):
                raise DeclarationError(f"Cors origin {origin!r} must be like 'https://shop.example.com', with no path")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """The policy of a system's edge; the routes come from the contracts' public operations.

    `port`: None for any free one. `limit`: what one caller (the token's subject, else the address) may do over
    all operations that declare no limit of their own; None for no limit. `max_body` (bytes) and `timeout`
    (seconds) bound what operations declare. `trusted_hops`: how many proxies of your own stand before the
    gateway and may be believed about the caller's address. `otlp`: the base URL of an OpenTelemetry collector;
    with one the gateway sends a span for each sampled request, and `sampling` (0 to 1) decides for new traces.
    `access_log`: a JSON line for each request.
    """

    host: str = "127.0.0.1"
    port: int | None = None
    jwt: Jwt | None = None
    cors: Cors | None = None
    limit: Rate | None = DEFAULT_LIMIT
    max_body: int = 16 << 20
    timeout: float = 60.0
    trusted_hops: int = 0
    otlp: str = ""
    sampling: float = 1.0
    access_log: bool = True

    def __post_init__(self) -> None:
        if not _is_address(self.host):
            raise DeclarationError(f"Gateway(host={self.host!r}) must be an IP address such as '127.0.0.1'")
        if self.port is not None and not 0 < self.port < 65536:
            raise DeclarationError(f"Gateway(port={self.port}) must be from 1 to 65535, or None for any free port")
        if self.otlp and not urlsplit(self.otlp).hostname:
            raise DeclarationError(f"Gateway(otlp={self.otlp!r}) must be a URL such as 'http://127.0.0.1:4318'")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
