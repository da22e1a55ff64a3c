"""A system of one service whose tables come from migrations."""

from __future__ import annotations

from typing import Protocol

from atoll.contracts import contract, query
from atoll.service import Service
from atoll.storage import Database
from atoll.system import System


@contract("ledger")
class Ledger(Protocol):
    """Counts its entries."""

    @query("GET /entries")
    async def count(self) -> int: ...


class LedgerService(Service, Ledger):
    migrations = "ledger"

    def __init__(self, db: Database) -> None:
        self.db = db

    async def count(self) -> int:
        return int(await self.db.fetch_value("SELECT count(*) FROM entries"))


ledgers = System("ledgers", services=[LedgerService])
