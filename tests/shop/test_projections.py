"""The services that only listen: catalog, analytics, audit; and those that tell them: product, profile, shipping."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from atoll.contracts import message_of
from atoll.core.context import new_context
from shop.catalogue import Catalogue, make_catalogue
from shop.contracts.analytics import Totals
from shop.contracts.inventory import StockChanged, StockReleased, StockReserved
from shop.contracts.order import CartAbandoned, CartStarted, OrderCancelled, OrderConfirmed, OrderPlaced
from shop.contracts.payment import PaymentCaptured
from shop.contracts.product import PriceChanged, ProductAdded
from shop.contracts.user import UserCreated
from shop.contracts.values import Money
from shop.services.analytics import AnalyticsService
from shop.services.audit import AuditService
from shop.services.catalog import CatalogService
from shop.services.product.domain import announcement, new_product
from tests.shop.bench import Bench, at_work

CATALOGUE: Catalogue = make_catalogue()
CREATED = UserCreated(user_id="u1", email="", name="", country="GB", source="web", created_at=0.0)
ANN = UserCreated(user_id="u1", email="ann@example.org", name="Ann", country="GB", source="web", created_at=0.0)
LEFT_OF_ANN = '{"user_id":"u1","email":"(erased)","name":"(erased)","country":"GB","source":"web","created_at":0.0}'
PLACED = OrderPlaced(order_id="o1", user_id="u1", lines=[], total=Money(1999), placed_at=0.0)
CONFIRMED = OrderConfirmed(
    order_id="o1", user_id="u1", total=Money(1999), payment_id="p", payment_method="visa", tracking="t"
)
CAPTURED = PaymentCaptured(payment_id="p", order_id="o1", amount=Money(1999), payment_method="visa")


def lamp(sku: str = "L-1", name: str = "Desk Lamp", price: int = 4000) -> ProductAdded:
    return ProductAdded(sku=sku, name=name, description="Bright.", category="Office", price=Money(price), weight=1)


@pytest.fixture(name="catalog")
async def _catalog(tmp_path: Path) -> AsyncGenerator[Bench[CatalogService]]:
    async with at_work(tmp_path, CatalogService) as bench:
        yield bench


@pytest.fixture(name="registry")
def _registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture(name="analytics")
async def _analytics(tmp_path: Path, registry: CollectorRegistry) -> AsyncGenerator[Bench[AnalyticsService]]:
    async with at_work(tmp_path, AnalyticsService, {CollectorRegistry: registry}) as bench:
        yield bench


@pytest.fixture(name="audit")
async def _audit(tmp_path: Path) -> AsyncGenerator[Bench[AuditService]]:
    async with at_work(tmp_path, lambda db, _: AuditService(db)) as bench:
        yield bench


async def test_a_product_is_found_with_its_stock_whichever_is_heard_first(
    catalog: Bench[CatalogService],
) -> None:
    await catalog.hear(StockChanged(sku="L-1", quantity=5, available=5))
    assert (await catalog.service.search()).total == 0
    await catalog.hear(lamp())
    assert (await catalog.service.search()).entries[0].available == 5


async def test_what_is_found_follows_price_and_stock(catalog: Bench[CatalogService]) -> None:
    await catalog.hear(lamp())
    await catalog.hear(PriceChanged(sku="L-1", price=Money(3000), previous=Money(4000)))
    await catalog.hear(StockReserved(sku="L-1", order_id="o", quantity=2, available=3))
    await catalog.hear(StockReleased(sku="L-1", order_id="o", quantity=2, available=5))
    entry = (await catalog.service.search()).entries[0]
    assert (entry.price, entry.available) == (Money(3000), 5)


async def test_search_narrows_by_words_category_price_and_stock(catalog: Bench[CatalogService]) -> None:
    for item in CATALOGUE.items:
        await catalog.hear(announcement(new_product(item.product)))
    await catalog.hear(StockChanged(sku="KIT-001", quantity=1, available=1))
    search = catalog.service.search
    assert (await search(text="knife norrland")).total == 1
    assert (await search(category="Kitchen")).total == 25
    assert (await search(category="Kitchen", max_price=1)).total == 0
    assert (await search(min_price=1, in_stock=True)).total == 1


async def test_pages_hold_every_product_once(catalog: Bench[CatalogService]) -> None:
    for number in range(5):
        await catalog.hear(lamp(f"L-{number}"))
    pages = [await catalog.service.search(page=page, size=2) for page in (1, 2, 3)]
    assert [entry.sku for page in pages for entry in page.entries] == [f"L-{n}" for n in range(5)]
    assert {(page.total, page.pages) for page in pages} == {(5, 3)}


async def test_the_catalogue_can_be_built_anew_from_what_was_heard(catalog: Bench[CatalogService]) -> None:
    await catalog.hear(StockChanged(sku="L-1", quantity=5, available=5))
    await catalog.hear(lamp())
    before = await catalog.service.search()
    await catalog.rebuild("catalog_view")
    assert await catalog.service.search() == before
    assert before.entries[0].available == 5


async def test_categories_are_counted(catalog: Bench[CatalogService]) -> None:
    await catalog.hear(lamp("L-1"))
    await catalog.hear(lamp("L-2"))
    assert [(each.name, each.products) for each in await catalog.service.categories()] == [("Office", 2)]


async def test_revenue_is_that_of_confirmed_orders(analytics: Bench[AnalyticsService]) -> None:
    for _ in range(2):
        await analytics.hear(CONFIRMED)
    assert await analytics.service.totals() == [Totals("USD", 2, 3998)]
    day = (await analytics.service.revenue())[0]
    assert (day.day, day.orders, day.revenue) == ("1970-01-12", 2, Money(3998))


async def test_the_funnel_counts_how_far_customers_came(analytics: Bench[AnalyticsService]) -> None:
    cancelled = OrderCancelled(order_id="o2", user_id="u1", total=Money(1), reason="out_of_stock")
    left = CartAbandoned(user_id="u1", step="cart", reason="idle", value=Money(1))
    for event in (CREATED, CartStarted(user_id="u1"), PLACED, CONFIRMED, cancelled, left):
        await analytics.hear(event)
    funnel = await analytics.service.funnel()
    assert (funnel.registered, funnel.carts, funnel.placed, funnel.confirmed) == (1, 1, 1, 1)
    assert (funnel.cancelled, funnel.abandoned) == ({"out_of_stock": 1}, {"cart: idle": 1})


async def test_reports_can_be_built_anew_from_what_was_heard(analytics: Bench[AnalyticsService]) -> None:
    for event in (CREATED, PLACED, CONFIRMED):
        await analytics.hear(event)
    before = (await analytics.service.totals(), await analytics.service.funnel())
    await analytics.rebuild("reports")
    assert (await analytics.service.totals(), await analytics.service.funnel()) == before
    assert before[0] == [Totals("USD", 1, 1999)]


async def test_a_fact_that_comes_again_long_after_is_counted_once(analytics: Bench[AnalyticsService]) -> None:
    message = message_of(CONFIRMED, source="order", context=new_context(), time=1.0)
    for _ in range(2):
        await analytics.call(analytics.service.hear, CONFIRMED, message)
    assert await analytics.service.totals() == [Totals("USD", 1, 1999)]


async def test_the_business_metrics_follow_the_events(
    analytics: Bench[AnalyticsService], registry: CollectorRegistry
) -> None:
    for event in (CREATED, CONFIRMED, CAPTURED):
        await analytics.hear(event)
    paid = registry.get_sample_value("payment_success_total", {"payment_method": "visa", "currency": "USD"})
    values = registry.get_sample_value("order_value_dollars_sum", {"payment_method": "visa", "currency": "USD"})
    assert (paid, values) == (1.0, 19.99)


async def test_the_audit_keeps_every_event_in_a_chain_that_verifies(audit: Bench[AuditService]) -> None:
    for event in (CREATED, PLACED, CONFIRMED):
        await audit.hear(event)
    entries = await audit.service.entries()
    verification = await audit.service.verify()
    assert [entry.event_type for entry in entries] == [type(event).event_type for event in (CREATED, PLACED, CONFIRMED)]
    assert (verification.entries, verification.head, verification.intact) == (3, entries[-1].hash, True)


async def test_a_message_that_comes_again_long_after_stands_in_the_audit_once(audit: Bench[AuditService]) -> None:
    message = message_of(PLACED, source="order", context=new_context(), time=1.0)
    for _ in range(2):
        await audit.call(audit.service.hear, PLACED, message)
    await audit.hear(CONFIRMED)
    verification = await audit.service.verify()
    assert (verification.entries, verification.intact) == (2, True)


async def test_an_entry_that_was_tampered_with_is_found(audit: Bench[AuditService]) -> None:
    for _ in range(3):
        await audit.hear(PLACED)
    async with audit.db.transaction():
        await audit.db.execute("UPDATE entries SET data = $1 WHERE seq = 2", b"{}")
    verification = await audit.service.verify()
    assert (verification.intact, verification.broken_at, verification.entries) == (False, 2, 1)


async def test_an_empty_audit_verifies(audit: Bench[AuditService]) -> None:
    assert (await audit.service.verify()).intact


async def test_what_is_personal_is_never_put_in_the_audit(audit: Bench[AuditService]) -> None:
    await audit.hear(ANN)
    assert await audit.db.fetch_value("SELECT CAST(data AS TEXT) FROM entries") == LEFT_OF_ANN


async def test_what_is_personal_is_never_kept_for_reports(analytics: Bench[AnalyticsService]) -> None:
    await analytics.hear(ANN)
    assert await analytics.db.fetch_value("SELECT CAST(data AS TEXT) FROM atoll_events") == LEFT_OF_ANN
