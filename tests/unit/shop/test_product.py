from __future__ import annotations

from shop.contracts.product import AddProduct, PriceChanged
from shop.contracts.values import Money
from shop.services.product import domain

LAMP = domain.new_product(
    AddProduct(sku="OFF-001", name="Lamp", description="Bright.", category="Office", price=Money(4900), weight=900)
)


def test_what_is_announced_is_the_product() -> None:
    told = domain.announcement(LAMP)
    assert all(getattr(told, name) == getattr(LAMP, name) for name in told.__struct_fields__)


def test_a_new_price_is_told_with_the_old_one() -> None:
    changed, told = domain.reprice(LAMP, Money(3900))
    assert (changed.price, changed.revision) == (Money(3900), 2)
    assert told == PriceChanged(sku="OFF-001", price=Money(3900), previous=Money(4900))


def test_the_same_price_is_no_news() -> None:
    assert domain.reprice(LAMP, LAMP.price) == (LAMP, None)
