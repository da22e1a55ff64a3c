"""What storage tells its observers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["committed", "rolled_back", "conflict", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionFinished:
    """A unit of work that had opened a transaction has ended; `seconds` from its first statement on.

    `conflict`: undone because of another transaction. `unknown`: the connection broke during the commit.
    """

    outcome: Outcome
    seconds: float
