"""What storage tells its observers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionFinished:
    """A unit of work that had opened a transaction has ended; `seconds` from its first statement on."""

    outcome: Literal["committed", "rolled_back"]
    seconds: float
