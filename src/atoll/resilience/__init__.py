"""Pure policies that keep a caller standing when what it calls does not: retry, breaker, retry budget."""

from atoll.resilience.breaker import Breaker, BreakerPolicy, State
from atoll.resilience.budget import RetryBudget
from atoll.resilience.retry import RetryPolicy, full_jitter

__all__ = ["Breaker", "BreakerPolicy", "RetryBudget", "RetryPolicy", "State", "full_jitter"]
