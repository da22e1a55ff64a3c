"""What the shop sells: master data and prices."""

from __future__ import annotations

from typing import Annotated, Protocol

import msgspec

from atoll.contracts import Event, Problem, command, contract, query
from shop.contracts.values import Money, Name, PageSize

Sku = Annotated[str, msgspec.Meta(pattern="^[A-Z0-9][A-Z0-9-]{1,30}$")]


class AddProduct(msgspec.Struct, frozen=True, kw_only=True):
    """A new product. `weight` is in grams."""

    sku: Sku
    name: Name
    description: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    category: Name
    price: Money
    weight: Annotated[int, msgspec.Meta(ge=1, le=50_000)]


class SetPrice(msgspec.Struct, frozen=True):
    """Another price, from now on; orders already placed keep theirs."""

    price: Money


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A product. `weight` is in grams; `revision` counts its changes, from 1."""

    sku: str
    name: str
    description: str
    category: str
    price: Money
    weight: int
    revision: int = 1


class ProductAdded(Event, key="sku"):
    """There is a new product."""

    sku: str
    name: str
    description: str
    category: str
    price: Money
    weight: int


class PriceChanged(Event, key="sku"):
    """A product costs something else from now on."""

    sku: str
    price: Money
    previous: Money


class UnknownProduct(Problem, status=404):
    """There is no such product."""

    sku: str


class ProductExists(Problem, status=409):
    """There is a product with this SKU already."""

    sku: str


@contract("product", events=[ProductAdded, PriceChanged])
class Products(Protocol):
    """Master data and prices."""

    @query("GET /products/{sku}", public=True, anonymous=True, raises=[UnknownProduct])
    async def product(self, sku: str) -> Product:
        """One product."""
        ...

    @command("POST /products", public=True, roles=["admin"], raises=[ProductExists], status=201)
    async def add(self, request: AddProduct) -> Product:
        """Add a product. It has no stock until `inventory` is told."""
        ...

    @command("PUT /products/{sku}/price", public=True, roles=["admin"], raises=[UnknownProduct])
    async def set_price(self, sku: str, request: SetPrice) -> Product:
        """Change a price."""
        ...

    @query("GET /ledger/products")
    async def products(self, after: str = "", limit: PageSize = 500) -> list[Product]:
        """Every product in the order of SKUs, beginning behind `after`. For checks."""
        ...
