"""How patient a client is."""

from __future__ import annotations

from dataclasses import dataclass, field

from atoll.resilience import BreakerPolicy, RetryPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPolicy:
    """Attempts and backoff of one call, the breaker of each instance, and the share of calls that may be retries."""

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    retry_share: float = 0.2
