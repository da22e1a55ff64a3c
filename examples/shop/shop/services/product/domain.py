"""The rules of products."""

from __future__ import annotations

import msgspec

from shop.contracts.product import AddProduct, PriceChanged, Product, ProductAdded
from shop.contracts.values import Money


def new_product(request: AddProduct) -> Product:
    """Return the product that a request describes."""
    return msgspec.convert(msgspec.structs.asdict(request), Product)


def announcement(product: Product) -> ProductAdded:
    """Return the event that makes a new product known."""
    return ProductAdded(
        sku=product.sku,
        name=product.name,
        description=product.description,
        category=product.category,
        price=product.price,
        weight=product.weight,
    )


def reprice(product: Product, price: Money) -> tuple[Product, PriceChanged | None]:
    """Return the product at its new price and what to tell; nothing when the price is the same."""
    if price == product.price:
        return product, None
    changed = msgspec.structs.replace(product, price=price, revision=product.revision + 1)
    return changed, PriceChanged(sku=product.sku, price=price, previous=product.price)
