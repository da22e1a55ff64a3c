"""The memory of the shop: every event once, in a chain that shows tampering."""

from __future__ import annotations

from typing import Protocol

import msgspec

from atoll.contracts import contract, query
from shop.contracts.values import PageSize


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One event as it was heard. `hash` covers it and the entry before it; `time` is when it was emitted.

    `data` is the event itself, as JSON.
    """

    seq: int
    event_id: str
    event_type: str
    source: str
    key: str
    time: float
    data: msgspec.Raw
    hash: str


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of walking the chain. `broken_at` is the first entry that does not fit."""

    entries: int
    head: str
    intact: bool
    broken_at: int | None = None


@contract("audit")
class Audit(Protocol):
    """Every event of every service, exactly once."""

    @query("GET /audit/verification", timeout=60.0)
    async def verify(self) -> Verification:
        """Walk the whole chain."""
        ...

    @query("GET /ledger/audit")
    async def entries(self, after: int = 0, limit: PageSize = 500) -> list[AuditEntry]:
        """The entries in order, beginning behind `after`."""
        ...
