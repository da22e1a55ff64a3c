"""Rate limits: one token bucket for each allowance and caller.

The allowance is named in the route's metadata, so all routes of one allowance share its buckets, and a change of
routes does not refill them. The caller is the verified subject, else the address (an IPv6 caller's /64, RFC 6177).
"""

from __future__ import annotations

from typing import Final

from atoll.contracts import Rate
from atoll.gateway.render.names import METADATA, SUBJECT_HEADER
from atoll.gateway.render.protobuf import Json, extension, header_present
from atoll.gateway.snapshot import Limit, Snapshot

CALLERS: Final = 100_000
"""Buckets kept per allowance. Envoy forgets the least recent beyond that, and keeps 20 unless told: a caller could
then empty and refill its own bucket by cycling through others."""

_ALWAYS: Final = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
_ALLOWANCE: Final = {
    "metadata": {
        "descriptor_key": "allowance",
        "metadata_key": {"key": METADATA, "path": [{"key": "limit"}]},
        "source": "ROUTE_ENTRY",
        "skip_if_absent": False,
    }
}
_SUBJECT: Final = {"request_headers": {"header_name": SUBJECT_HEADER, "descriptor_key": "subject"}}
_NO_SUBJECT: Final = {
    "header_value_match": {
        "descriptor_key": "anonymous",
        "descriptor_value": "true",
        "expect_match": False,
        "headers": [header_present(SUBJECT_HEADER)],
    }
}
_ADDRESS: Final = {"masked_remote_address": {"v4_prefix_mask_len": 32, "v6_prefix_mask_len": 64}}


def limit_filter(snapshot: Snapshot) -> Json | None:
    """Return the filter that holds every allowance; None when there are none."""
    if not snapshot.limits:
        return None
    return extension(
        "envoy.filters.http.local_ratelimit",
        "filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="limits",
        filter_enabled=_ALWAYS,
        filter_enforced=_ALWAYS,
        enable_x_ratelimit_headers="DRAFT_VERSION_03",
        always_consume_default_token_bucket=False,
        max_dynamic_descriptors=CALLERS,
        rate_limits=[
            {"actions": [_ALLOWANCE, _SUBJECT]},
            {"actions": [_ALLOWANCE, _NO_SUBJECT, _ADDRESS]},
        ],
        descriptors=[bucket for limit in snapshot.limits for bucket in _buckets(limit)],
    )


def policy(rate: Rate) -> str:
    """Return the value of RateLimit-Policy."""
    return f'"caller";q={rate.requests};w={rate.seconds}'


def _buckets(limit: Limit) -> list[Json]:
    name = {"key": "allowance", "value": limit.name}
    anonymous = [{"key": "anonymous", "value": "true"}, {"key": "masked_remote_address"}]
    bucket = {
        "max_tokens": limit.rate.requests,
        "tokens_per_fill": limit.rate.requests,
        "fill_interval": f"{limit.rate.seconds}s",
    }
    return [
        {"entries": [name, {"key": "subject"}], "token_bucket": bucket},
        {"entries": [name, *anonymous], "token_bucket": bucket},
    ]
