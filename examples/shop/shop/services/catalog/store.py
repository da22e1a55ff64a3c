"""The view that is searched: one row a product, filled from two streams of events in any order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from atoll.projections import Projection, View, projects
from atoll.storage import Database
from shop.contracts.catalog import CatalogEntry, Category
from shop.contracts.inventory import StockChanged, StockReleased, StockReserved
from shop.contracts.product import PriceChanged, ProductAdded
from shop.services.catalog.domain import words


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What an entry must be to be found."""

    terms: list[str]
    category: str = ""
    min_price: int | None = None
    max_price: int | None = None
    in_stock: bool = False


class CatalogView(Projection):
    """Catalogue entries: one row a product."""

    tables = """
        CREATE TABLE {entries} (
            sku TEXT PRIMARY KEY,
            name TEXT NOT NULL DEFAULT '',
            description TEXT NOT NULL DEFAULT '',
            category TEXT NOT NULL DEFAULT '',
            price TEXT NOT NULL DEFAULT '{"amount":0,"currency":"USD"}',
            amount BIGINT NOT NULL DEFAULT 0,
            available INTEGER NOT NULL DEFAULT 0,
            words TEXT NOT NULL DEFAULT ''
        );
        CREATE INDEX {entries}_category ON {entries} (category, name);
    """

    def __init__(self, db: Database) -> None:
        self.db = db

    @projects(ProductAdded)
    async def add(self, event: ProductAdded, view: View) -> None:
        await view.execute(
            "INSERT INTO {entries} (sku, name, description, category, price, amount, words) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (sku) DO UPDATE SET name = excluded.name, "
            "description = excluded.description, category = excluded.category, price = excluded.price, "
            "amount = excluded.amount, words = excluded.words",
            event.sku,
            event.name,
            event.description,
            event.category,
            event.price,
            event.price.amount,
            words(event.name, event.category, event.sku, event.description),
        )

    @projects(PriceChanged)
    async def reprice(self, event: PriceChanged, view: View) -> None:
        sql = "UPDATE {entries} SET price = $1, amount = $2 WHERE sku = $3"
        await view.execute(sql, event.price, event.price.amount, event.sku)

    @projects(StockChanged, StockReserved, StockReleased)
    async def count_stock(self, event: StockChanged | StockReserved | StockReleased, view: View) -> None:
        await view.execute(
            "INSERT INTO {entries} (sku, available) VALUES ($1, $2) "
            "ON CONFLICT (sku) DO UPDATE SET available = excluded.available",
            event.sku,
            event.available,
        )

    async def count(self, wanted: Filter) -> int:
        where, values = _where(wanted)
        return int(await self.db.fetch_value(f"SELECT count(*) FROM entries WHERE {where}", *values))

    async def find(self, wanted: Filter, *, offset: int, limit: int) -> list[CatalogEntry]:
        where, values = _where(wanted)
        sql = (
            f"SELECT sku, name, description, category, price, available FROM entries WHERE {where} "
            f"ORDER BY name, sku LIMIT ${len(values) + 1} OFFSET ${len(values) + 2}"
        )
        return await self.db.fetch_all(CatalogEntry, sql, *values, limit, offset)

    async def categories(self) -> list[Category]:
        return await self.db.fetch_all(
            Category,
            "SELECT category AS name, count(*) AS products FROM entries WHERE name <> '' "
            "GROUP BY category ORDER BY category",
        )


def _where(wanted: Filter) -> tuple[str, list[Any]]:
    """Return the condition and its values. Stock without a product yet is not found."""
    conditions: list[str] = ["name <> ''"]
    values: list[Any] = []

    def add(condition: str, value: Any) -> None:
        values.append(value)
        conditions.append(condition.format(place=f"${len(values)}"))

    for term in wanted.terms:
        add("words LIKE {place}", f"% {term}%")
    if wanted.category:
        add("category = {place}", wanted.category)
    if wanted.min_price is not None:
        add("amount >= {place}", wanted.min_price)
    if wanted.max_price is not None:
        add("amount <= {place}", wanted.max_price)
    if wanted.in_stock:
        add("available > {place}", 0)
    return " AND ".join(conditions), values
