"""The service that customers search: a projection of what `product` and `inventory` tell."""

from __future__ import annotations

from atoll.contracts import Event, Message
from atoll.eventstore import EventStore, heard
from atoll.service import Service, on
from shop.contracts.catalog import Catalog, CatalogPage, Category
from shop.contracts.inventory import StockChanged, StockReleased, StockReserved
from shop.contracts.product import PriceChanged, ProductAdded
from shop.services.catalog.domain import pages, terms
from shop.services.catalog.store import CatalogView, Filter


class CatalogService(Service, Catalog):
    """Keeps what it hears in an event store of its own, so that the view can be built anew without asking anybody.

    Events of one SKU come in order, those of products and of stock interleave. A search may be some milliseconds
    behind what was heard.
    """

    version = "1.0.0"
    projections = (CatalogView,)

    def __init__(self, events: EventStore, view: CatalogView) -> None:
        self.events, self.view = events, view

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
        total = await self.view.count(wanted)
        entries = await self.view.find(wanted, offset=(page - 1) * size, limit=size)
        return CatalogPage(entries=entries, total=total, page=page, pages=pages(total, size))

    async def categories(self) -> list[Category]:
        return await self.view.categories()

    @on(ProductAdded, PriceChanged, StockChanged, StockReserved, StockReleased)
    async def hear(self, event: Event, message: Message) -> None:
        await self.events.append(f"sku-{message.key}", [heard(message)])
