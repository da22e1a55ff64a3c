"""Names that several parts of the Envoy configuration must agree on."""

from __future__ import annotations

from typing import Final

ROUTES: Final = "main"
STAT_PREFIX: Final = "gateway"
METADATA: Final = "atoll"
"""The namespace of a route's metadata: `operation`, `limit` and `policy`."""

CORS: Final = "envoy.filters.http.cors"
JWT: Final = "envoy.filters.http.jwt_authn"
RBAC: Final = "envoy.filters.http.rbac"
BUFFER: Final = "envoy.filters.http.buffer"

TOKEN_REQUIRED: Final = "required"
TOKEN_OPTIONAL: Final = "optional"
CLAIMS: Final = "claims"
"""Where the token filter leaves the verified claims for the role check."""

SUBJECT_HEADER: Final = "x-atoll-subject"
"""Carries the verified subject from the token filter to the limits; never comes in and never goes out."""

COLLECTOR: Final = "opentelemetry-collector"
LISTENER: Final = "public"

CDS_FILE: Final = "cds.json"
RDS_FILE: Final = "rds.json"
BOOTSTRAP_FILE: Final = "bootstrap.json"


def endpoints_file(service: str) -> str:
    """Return the path of the file that holds the endpoints of `service`."""
    return f"eds/{service}.json"
