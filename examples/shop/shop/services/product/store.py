"""Products."""

from __future__ import annotations

from typing import Final

import msgspec

from atoll.storage import Database
from shop.contracts.product import Product

_COLUMNS: Final = "sku, name, description, category, price, weight, revision"


class ProductStore:
    """Products in the service's database."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def add(self, product: Product) -> bool:
        """Add a product; False when its SKU is taken."""
        added = await self.db.execute(
            f"INSERT INTO products ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (sku) DO NOTHING",
            *msgspec.structs.astuple(product),
        )
        return added == 1

    async def get(self, sku: str) -> Product | None:
        return await self.db.fetch_one(Product, f"SELECT {_COLUMNS} FROM products WHERE sku = $1", sku)

    async def set_price(self, product: Product) -> None:
        sql = "UPDATE products SET price = $1, revision = $2 WHERE sku = $3"
        await self.db.execute(sql, product.price, product.revision, product.sku)

    async def page(self, after: str, limit: int) -> list[Product]:
        sql = f"SELECT {_COLUMNS} FROM products WHERE sku > $1 ORDER BY sku LIMIT $2"
        return await self.db.fetch_all(Product, sql, after, limit)
