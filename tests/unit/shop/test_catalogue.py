from __future__ import annotations

from collections import Counter

import msgspec

from shop.catalogue import make_catalogue
from shop.contracts.product import AddProduct

ITEMS = make_catalogue().items


def test_there_are_two_hundred_products_in_eight_categories() -> None:
    assert sorted(Counter(item.product.category for item in ITEMS).values()) == [25] * 8


def test_skus_and_names_are_unique() -> None:
    assert len({item.product.sku for item in ITEMS}) == len({item.product.name for item in ITEMS}) == 200


def test_the_same_seed_makes_the_same_catalogue() -> None:
    assert make_catalogue(5) == make_catalogue(5) != make_catalogue(6)


def test_some_products_are_scarce_and_most_are_not() -> None:
    scarce = [item for item in ITEMS if item.stock <= 5]
    assert 8 <= len(scarce) <= 16
    assert min(item.stock for item in ITEMS) > 0


def test_every_product_is_one_that_the_contract_accepts() -> None:
    for item in ITEMS:
        assert msgspec.convert(msgspec.to_builtins(item.product), AddProduct) == item.product
