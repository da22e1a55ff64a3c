"""The services that keep plain records: product, profile, shipping."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest

from shop.catalogue import Catalogue, Item
from shop.contracts.product import AddProduct, PriceChanged, ProductAdded, ProductExists, SetPrice, UnknownProduct
from shop.contracts.profile import Profile, ProfileErased, ProfileUpdated, UpdateProfile
from shop.contracts.shipping import (
    AddressRefused,
    Book,
    Parcel,
    ParcelBooked,
    ParcelCancelled,
    ParcelNotFound,
)
from shop.contracts.user import UserCreated
from shop.contracts.values import Money
from shop.services.product import ProductService
from shop.services.profile import ProfileService
from shop.services.shipping import ShippingService
from shop.services.shipping.domain import DAY
from tests.shop.bench import Bench, at_work
from tests.unit.shop.making import ADDRESS

LAMP = AddProduct(sku="L-1", name="Lamp", category="Office", price=Money(4000), weight=1)


@pytest.fixture(name="products")
async def _products(tmp_path: Path) -> AsyncGenerator[Bench[ProductService]]:
    catalogue = Catalogue((Item(product=LAMP, stock=1),))
    async with at_work(tmp_path, lambda db, _: ProductService(db, catalogue)) as bench:
        yield bench


@pytest.fixture(name="profiles")
async def _profiles(tmp_path: Path) -> AsyncGenerator[Bench[ProfileService]]:
    async with at_work(tmp_path, lambda db, _: ProfileService(db)) as bench:
        yield bench


@pytest.fixture(name="shipping")
async def _shipping(tmp_path: Path) -> AsyncGenerator[Bench[ShippingService]]:
    async with at_work(tmp_path, ShippingService) as bench:
        yield bench


async def book(at: Bench[ShippingService], order_id: str = "o1") -> Parcel:
    return await at.call(at.service.book, Book(order_id=order_id, user_id="u1", address=ADDRESS))


async def test_the_catalogue_is_added_at_the_first_start_only(products: Bench[ProductService]) -> None:
    await products.service.on_start()
    assert [type(event) for event in await products.told()] == [ProductAdded]


async def test_a_sku_is_added_once(products: Bench[ProductService]) -> None:
    with pytest.raises(ProductExists):
        await products.call(products.service.add, LAMP)
    await products.call(products.service.add, msgspec.structs.replace(LAMP, sku="L-2"))
    assert [product.sku for product in await products.service.products()] == ["L-1", "L-2"]


async def test_a_price_that_changes_is_told_of(products: Bench[ProductService]) -> None:
    changed = await products.call(products.service.set_price, "L-1", SetPrice(Money(3000)))
    assert (changed.price, changed.revision) == (Money(3000), 2)
    assert isinstance((await products.told())[-1], PriceChanged)


async def test_a_price_that_stays_is_no_news(products: Bench[ProductService]) -> None:
    await products.call(products.service.set_price, "L-1", SetPrice(LAMP.price))
    assert len(await products.told()) == 1


async def test_an_unknown_product_is_not_found(products: Bench[ProductService]) -> None:
    with pytest.raises(UnknownProduct):
        await products.service.product("NOPE")


async def test_a_profile_begins_with_the_name_of_the_account(profiles: Bench[ProfileService]) -> None:
    await profiles.hear(UserCreated(user_id="u1", email="", name="Ann", country="GB", source="", created_at=0.0))
    assert await profiles.call(profiles.service.profile, user="u1") == Profile(user_id="u1", name="Ann")


async def test_a_profile_written_before_the_account_was_heard_of_stays(
    profiles: Bench[ProfileService],
) -> None:
    await profiles.call(profiles.service.update, UpdateProfile(name="Annie", address=ADDRESS), user="u1")
    await profiles.hear(UserCreated(user_id="u1", email="", name="Ann", country="GB", source="", created_at=0.0))
    profile = await profiles.call(profiles.service.profile, user="u1")
    assert (profile.name, profile.address) == ("Annie", ADDRESS)


async def test_only_a_change_of_a_profile_is_told_of(profiles: Bench[ProfileService]) -> None:
    for _ in range(2):
        await profiles.call(profiles.service.update, UpdateProfile(name="Ann"), user="u1")
    assert await profiles.told() == [ProfileUpdated(user_id="u1")]


async def test_an_order_has_one_parcel_however_often_it_is_booked(shipping: Bench[ShippingService]) -> None:
    assert await book(shipping) == await book(shipping)
    assert [type(event) for event in await shipping.told()] == [ParcelBooked]


async def test_parcels_have_different_numbers(shipping: Bench[ShippingService]) -> None:
    assert (await book(shipping, "o1")).tracking != (await book(shipping, "o2")).tracking


async def test_an_address_the_carrier_refuses_gets_no_parcel(shipping: Bench[ShippingService]) -> None:
    address = msgspec.structs.replace(ADDRESS, postcode="00000")
    with pytest.raises(AddressRefused):
        await shipping.call(shipping.service.book, Book(order_id="o1", user_id="u1", address=address))
    assert await shipping.service.parcel_ledger() == []


async def test_a_parcel_is_cancelled_once_and_for_all(shipping: Bench[ShippingService]) -> None:
    parcel = await book(shipping)
    for parcel_id in (parcel.id, parcel.id, "nothing"):
        await shipping.call(shipping.service.cancel, parcel_id)
    assert (await shipping.service.parcel_ledger())[0].status == "cancelled"
    assert [type(event) for event in await shipping.told()] == [ParcelBooked, ParcelCancelled]


async def test_a_customer_tracks_their_own_parcel_and_nobody_elses(
    shipping: Bench[ShippingService],
) -> None:
    parcel = await book(shipping)
    shipping.clock.time += DAY
    tracked = await shipping.call(shipping.service.track, parcel.tracking, user="u1")
    assert tracked.status == "in_transit"
    with pytest.raises(ParcelNotFound):
        await shipping.call(shipping.service.track, parcel.tracking, user="u2")


async def test_anyone_may_ask_who_delivers_where(shipping: Bench[ShippingService]) -> None:
    assert (await shipping.service.quote("NO")).carrier == "Nordbud"


async def test_a_profile_that_was_forgotten_stays_empty_whatever_comes_late(profiles: Bench[ProfileService]) -> None:
    request = UpdateProfile(name="Ann", phone="+44 1904 12345", address=ADDRESS)
    await profiles.call(profiles.service.update, request, user="u1")
    await profiles.call(profiles.service.forget, "u1")
    created = UserCreated(user_id="u1", email="", name="Ann", country="GB", source="web", created_at=0.0)
    await profiles.hear(created)
    with pytest.raises(ProfileErased):
        await profiles.call(profiles.service.update, request, user="u1")
    assert await profiles.call(profiles.service.profile, user="u1") == Profile(user_id="u1")
