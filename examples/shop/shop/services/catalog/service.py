"""The service that customers search: a projection of what `product` and `inventory` tell."""

from __future__ import annotations

from atoll.service import Service, on
from atoll.storage import Database
from shop.contracts.catalog import Catalog, CatalogPage, Category
from shop.contracts.inventory import StockChanged, StockReleased, StockReserved
from shop.contracts.product import PriceChanged, ProductAdded
from shop.services.catalog.domain import pages, terms
from shop.services.catalog.store import CatalogStore, Filter


class CatalogService(Service, Catalog):
    """Reads only its own view; events of one SKU come in order, those of products and of stock interleave."""

    version = "1.0.0"
    migrations = "migrations"

    def __init__(self, db: Database) -> None:
        self.store = CatalogStore(db)

    async def search(
        self,
        text: str = "",
        category: str = "",
        min_price: int | None = None,
        max_price: int | None = None,
        in_stock: bool = False,
        page: int = 1,
        size: int = 20,
    ) -> CatalogPage:
        wanted = Filter(
            terms=terms(text),
            category=category,
            min_price=min_price,
            max_price=max_price,
            in_stock=in_stock,
        )
        total = await self.store.count(wanted)
        entries = await self.store.find(wanted, offset=(page - 1) * size, limit=size)
        return CatalogPage(entries=entries, total=total, page=page, pages=pages(total, size))

    async def categories(self) -> list[Category]:
        return await self.store.categories()

    @on(ProductAdded)
    async def add(self, event: ProductAdded) -> None:
        await self.store.put_product(event)

    @on(PriceChanged)
    async def reprice(self, event: PriceChanged) -> None:
        await self.store.set_price(event.sku, event.price)

    @on(StockChanged, StockReserved, StockReleased)
    async def count(self, event: StockChanged | StockReserved | StockReleased) -> None:
        await self.store.set_available(event.sku, event.available)
