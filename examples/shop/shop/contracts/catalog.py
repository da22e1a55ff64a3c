"""What customers find: a view of products and stock made for searching."""

from __future__ import annotations

from typing import Annotated, Protocol

import msgspec

from atoll.contracts import contract, query
from shop.contracts.values import Money

Count = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
Size = Annotated[int, msgspec.Meta(ge=1, le=100)]
Price = Annotated[int, msgspec.Meta(ge=0)]


class CatalogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A product as it is found. `available` follows the stock within moments."""

    sku: str
    name: str
    description: str
    category: str
    price: Money
    available: int


class CatalogPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of what was found; `total` counts all of it."""

    entries: list[CatalogEntry]
    total: int
    page: int
    pages: int


class Category(msgspec.Struct, frozen=True):
    """A category and how many products it has."""

    name: str
    products: int


@contract("catalog")
class Catalog(Protocol):
    """Search."""

    @query("GET /catalog", public=True, anonymous=True)
    async def search(
        self,
        text: str = "",
        category: str = "",
        min_price: Price | None = None,
        max_price: Price | None = None,
        in_stock: bool = False,
        page: Count = 1,
        size: Size = 20,
    ) -> CatalogPage:
        """Products with every word of `text`, by name. Prices are in minor units."""
        ...

    @query("GET /catalog/categories", public=True, anonymous=True)
    async def categories(self) -> list[Category]:
        """The categories, by name."""
        ...
