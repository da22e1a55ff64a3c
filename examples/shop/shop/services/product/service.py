"""The service that knows what the shop sells and for how much."""

from __future__ import annotations

from atoll.service import Service
from atoll.storage import Database
from shop.catalogue import Catalogue
from shop.contracts.product import (
    AddProduct,
    Product,
    ProductExists,
    Products,
    SetPrice,
    UnknownProduct,
)
from shop.services.product.domain import announcement, new_product, reprice
from shop.services.product.store import ProductStore


class ProductService(Service, Products):
    """Products as rows; the catalogue is added at the first start."""

    version = "1.0.0"
    migrations = "migrations"

    def __init__(self, db: Database, catalogue: Catalogue) -> None:
        self.db = db
        self.store = ProductStore(db)
        self.catalogue = catalogue

    async def on_start(self) -> None:
        await self.db.atomic(self._seed)

    async def _seed(self) -> None:
        for item in self.catalogue.items:
            await self._add(item.product)

    async def product(self, sku: str) -> Product:
        return await self._known(sku)

    async def add(self, request: AddProduct) -> Product:
        product = await self._add(request)
        if product is None:
            raise ProductExists(sku=request.sku)
        return product

    async def set_price(self, sku: str, request: SetPrice) -> Product:
        product, told = reprice(await self._known(sku), request.price)
        if told is not None:
            await self.store.set_price(product)
            self.emit(told)
        return product

    async def products(self, after: str = "", limit: int = 500) -> list[Product]:
        return await self.store.page(after, limit)

    async def _add(self, request: AddProduct) -> Product | None:
        product = new_product(request)
        if not await self.store.add(product):
            return None
        self.emit(announcement(product))
        return product

    async def _known(self, sku: str) -> Product:
        product = await self.store.get(sku)
        if product is None:
            raise UnknownProduct(sku=sku)
        return product
