"""Each invariant holds for a shop in order, and names what is wrong with one that is not."""

from __future__ import annotations

import msgspec
import pytest

from shop.contracts.analytics import Totals
from shop.contracts.catalog import CatalogEntry
from shop.contracts.inventory import Reservation, ReservationState, StockEntry
from shop.contracts.notification import Delivered, Letter
from shop.contracts.payment import NetworkEntry, Payment
from shop.contracts.product import Product
from shop.contracts.shipping import Parcel
from shop.contracts.values import Line, Money
from shop.invariants import rules
from tests.unit.shop.making import account, order, parcel, payment

CONFIRMED, CANCELLED, PLACED = order("o1"), order("o2", status="cancelled"), order("o3", status="placed")


def entry(key: str, captured: int, refunded: int = 0) -> NetworkEntry:
    return NetworkEntry(key=key, currency="USD", captured=captured, refunded=refunded)


def stock(**counts: int) -> StockEntry:
    usual = {"initial": 10, "restocked": 0, "on_hand": 9, "reserved": 0, "shipped": 1}
    return StockEntry(sku="AUD-001", **(usual | counts))


def reservation(state: ReservationState = "shipped", order_id: str = "o1") -> Reservation:
    return Reservation(id=f"r-{order_id}", order_id=order_id, state=state, lines=[Line("AUD-001", 1)])


def letter(name: str, *, sent: bool = True) -> Letter:
    return Letter(
        id=f"{name}@shop.example",
        user_id="u1",
        kind="welcome",
        about="",
        subject="",
        sent_at=1.0 if sent else None,
    )


def test_orders_that_ended_are_settled() -> None:
    assert rules.orders_settled([CONFIRMED, CANCELLED]) == []


def test_an_order_in_between_is_not_settled() -> None:
    assert rules.orders_settled([PLACED]) == ["order o3 is still placed"]


def test_money_matches_when_confirmed_orders_are_paid_and_others_are_not() -> None:
    payments = [payment("o1"), payment("o2", status="refunded"), payment("o4", status="declined")]
    assert rules.money_matches([CONFIRMED, CANCELLED], payments) == []


@pytest.mark.parametrize(
    ("payments", "complaint"),
    [
        ([], "order o1 over 10.00 USD was paid by []"),
        ([payment("o1", amount=999)], "was paid by ['9.99 USD']"),
        ([payment("o1"), payment("o1")], "was paid by ['10.00 USD', '10.00 USD']"),
        ([payment("o1"), payment("o2")], "order o2 is cancelled, but its money was kept"),
        ([payment("o1"), payment("o9")], "money was kept for order o9, which does not exist"),
        ([payment("o1"), payment("o2", status="pending")], "payment pay-o2 is pending"),
        ([payment("o1"), payment("o2", status="refunding")], "payment pay-o2 is refunding"),
    ],
)
def test_money_that_does_not_match_is_named(payments: list[Payment], complaint: str) -> None:
    assert complaint in "\n".join(rules.money_matches([CONFIRMED, CANCELLED], payments))


def test_the_network_agrees_when_it_kept_what_we_kept() -> None:
    ours = [payment("o1"), payment("o2", status="refunded"), payment("o4", status="declined")]
    theirs = [entry("pay-o1", 1000), entry("pay-o2", 1000, 1000), entry("pay-o4", 0)]
    assert rules.network_agrees(ours, theirs) == []


@pytest.mark.parametrize(
    ("theirs", "complaint"),
    [
        ([], "payment pay-o1 is 1000 in our books and 0 in the card network's"),
        ([entry("pay-o1", 1000, 1000)], "payment pay-o1 is 1000 in our books and 0"),
        ([entry("pay-o1", 1000), entry("x", 5)], "the card network kept 5 under x, unknown to us"),
    ],
)
def test_a_difference_with_the_network_is_named(theirs: list[NetworkEntry], complaint: str) -> None:
    assert complaint in "\n".join(rules.network_agrees([payment("o1")], theirs))


def test_parcels_match_when_only_confirmed_orders_have_one() -> None:
    assert rules.parcels_match([CONFIRMED, CANCELLED], [parcel("o1"), parcel("o2", status="cancelled")]) == []


@pytest.mark.parametrize(
    ("parcels", "complaint"),
    [
        ([], "order o1 is confirmed and has 0 parcels"),
        ([parcel("o1"), parcel("o1", parcel_id="x")], "order o1 is confirmed and has 2 parcels"),
        ([parcel("o1"), parcel("o2")], "order o2 is cancelled and has 1 parcels"),
        ([parcel("o1"), parcel("o9")], "order o9, which does not exist"),
        ([msgspec.structs.replace(parcel("o1"), tracking="?")], "another tracking number"),
    ],
)
def test_a_parcel_too_many_or_too_few_is_named(parcels: list[Parcel], complaint: str) -> None:
    assert complaint in "\n".join(rules.parcels_match([CONFIRMED, CANCELLED], parcels))


def test_mail_matches_when_each_fact_arrived_under_its_id() -> None:
    names = ["welcome.u1", "order_confirmed.o1", "order_cancelled.o2"]
    arrived = [Delivered(f"{name}@shop.example", 2) for name in names]
    written = [letter(name) for name in names]
    assert rules.mail_matches([CONFIRMED, CANCELLED], [account()], written, arrived) == []


@pytest.mark.parametrize("names", [[], ["welcome.u1", "order_confirmed.o1"]])
def test_who_was_erased_may_have_been_written_to_before(names: list[str]) -> None:
    gone = msgspec.structs.replace(account(), erased=True)
    arrived = [Delivered(f"{name}@shop.example", 1) for name in names]
    assert rules.mail_matches([CONFIRMED], [gone], [letter(name) for name in names], arrived) == []


def test_mail_that_is_missing_unsent_or_uncalled_for_is_named() -> None:
    written = [letter("order_confirmed.o1", sent=False)]
    wrong = rules.mail_matches([CONFIRMED], [account()], written, [Delivered("spam@x", 1)])
    assert wrong == [
        "letter order_confirmed.o1@shop.example was not sent",
        "nothing was written as welcome.u1@shop.example",
        "order_confirmed.o1@shop.example is not in the mail server's mailbox",
        "welcome.u1@shop.example is not in the mail server's mailbox",
        "spam@x was mailed, but nothing of the kind happened",
    ]


def test_stock_balances_when_every_piece_is_somewhere() -> None:
    held = reservation("released", "o2")
    assert rules.stock_balances([stock()], [reservation(), held], [CONFIRMED, CANCELLED]) == []


@pytest.mark.parametrize(
    ("books", "state", "complaint"),
    [
        (stock(on_hand=8), "shipped", "the books of AUD-001 do not balance"),
        (stock(on_hand=-1, shipped=11), "shipped", "do not balance"),
        (stock(on_hand=8, reserved=1), "shipped", "AUD-001: 1 reserved, but 0 are held for orders"),
        (stock(on_hand=8, shipped=2), "shipped", "AUD-001: 2 shipped, but orders were sent 1"),
        (stock(shipped=0, reserved=1), "held", "order o1 is confirmed, but its stock is held"),
    ],
)
def test_stock_that_does_not_balance_is_named(books: StockEntry, state: ReservationState, complaint: str) -> None:
    wrong = rules.stock_balances([books], [reservation(state)], [CONFIRMED])
    assert complaint in "\n".join(wrong)


def test_a_confirmed_order_without_stock_is_named() -> None:
    empty = stock(on_hand=10, shipped=0)
    assert rules.stock_balances([empty], [], [CONFIRMED]) == ["order o1 is confirmed without stock"]


def test_the_catalog_must_show_price_and_stock() -> None:
    product = Product(sku="AUD-001", name="Lamp", description="", category="Audio", price=Money(500), weight=1)
    shown = CatalogEntry(sku="AUD-001", name="Lamp", description="", category="Audio", price=Money(500), available=9)
    assert rules.catalog_agrees([shown], [product], [stock()]) == []
    assert len(rules.catalog_agrees([shown], [product], [stock(on_hand=8)])) == 1
    assert len(rules.catalog_agrees([], [product], [stock()])) == 1


def test_analytics_must_report_what_confirmed_orders_came_to() -> None:
    assert rules.analytics_agrees([CONFIRMED, CANCELLED], [Totals("USD", 1, 1000)]) == []
    assert len(rules.analytics_agrees([CONFIRMED], [Totals("USD", 1, 999)])) == 1
