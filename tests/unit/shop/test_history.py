"""The audit must hold what the books say, each event once and in order."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from atoll.contracts import Event, ordering_key
from shop.contracts.audit import AuditEntry, Verification
from shop.contracts.inventory import Reservation, StockChanged, StockEntry, StockReserved, StockShipped
from shop.contracts.order import OrderConfirmed, OrderPlaced
from shop.contracts.payment import PaymentCaptured
from shop.contracts.shipping import ParcelBooked
from shop.contracts.user import UserCreated, UserErased
from shop.contracts.values import Line, Money
from shop.invariants.history import Books, audit_holds
from tests.unit.shop.making import account, order, parcel, payment

BOOKS = Books(
    accounts=[account()],
    products=[],
    stock=[StockEntry(sku="A", initial=5, restocked=0, on_hand=3, reserved=0, shipped=2)],
    reservations=[Reservation(id="r1", order_id="o1", state="shipped", lines=[Line("A", 2)])],
    orders=[order("o1")],
    payments=[payment("o1")],
    parcels=[parcel("o1")],
)
TOTAL = Money(1000)
HISTORY: list[Event] = [
    UserCreated(user_id="u1", email="", name="", country="", source="", created_at=0.0),
    StockChanged(sku="A", quantity=5, available=5),
    OrderPlaced(order_id="o1", user_id="u1", lines=[], total=TOTAL, placed_at=0.0),
    StockReserved(sku="A", order_id="o1", quantity=2, available=3),
    PaymentCaptured(payment_id="pay-o1", order_id="o1", amount=TOTAL, payment_method="visa"),
    ParcelBooked(parcel_id="p", order_id="o1", tracking="T-o1", carrier=""),
    OrderConfirmed(
        order_id="o1", user_id="u1", total=TOTAL, payment_id="pay-o1", payment_method="visa", tracking="T-o1"
    ),
    StockShipped(sku="A", order_id="o1", quantity=2, available=3),
]
COUNTED = [place for place, event in enumerate(HISTORY) if not isinstance(event, StockChanged)]
INTACT = Verification(entries=8, head="", intact=True)


def entries(history: list[Event] = HISTORY) -> list[AuditEntry]:
    return [
        AuditEntry(
            seq=seq,
            event_id=f"e{seq}",
            event_type=event.event_type,
            source=event.event_type.split(".")[1],
            key=ordering_key(event),
            time=float(seq),
            data=msgspec.Raw(msgspec.json.encode(event)),
            hash="",
        )
        for seq, event in enumerate(history, 1)
    ]


def complaints(history: list[AuditEntry], verification: Verification = INTACT) -> str:
    return "\n".join(audit_holds(BOOKS, history, verification))


def test_the_audit_holds_when_it_tells_what_happened() -> None:
    assert complaints(entries()) == ""


def test_a_broken_chain_is_named() -> None:
    broken = Verification(entries=3, head="", intact=False, broken_at=4)
    assert complaints(entries(), broken) == "the audit chain is broken at entry 4"


@pytest.mark.parametrize("missing", COUNTED)
def test_an_event_that_is_missing_is_named(missing: int) -> None:
    history = HISTORY[:missing] + HISTORY[missing + 1 :]
    assert f"the audit has 0 of {HISTORY[missing].event_type}" in complaints(entries(history))


@pytest.mark.parametrize("doubled", COUNTED)
def test_an_event_that_was_doubled_is_named(doubled: int) -> None:
    assert f"2 of {HISTORY[doubled].event_type}" in complaints(entries([*HISTORY, HISTORY[doubled]]))


@pytest.mark.parametrize("times", [0, 2])
def test_stock_that_came_in_another_number_of_times_is_named(times: int) -> None:
    history = [HISTORY[0], *[HISTORY[1]] * times, *HISTORY[2:]]
    assert "its events add up to" in complaints(entries(history))


def test_the_same_message_twice_is_named() -> None:
    history = entries()
    assert "event e8 stands in the audit 2 times" in complaints([*history, history[-1]])


def test_events_of_an_aggregate_out_of_order_are_named() -> None:
    history = entries()
    history[2], history[6] = history[6], history[2]
    assert "audit entry 3 (shop.order.OrderPlaced.v1 of o1) is out of order" in complaints(history)


def test_stock_events_that_do_not_add_up_are_named() -> None:
    history: list[Event] = [*HISTORY[:3], StockReserved(sku="A", order_id="o1", quantity=2, available=2)]
    assert "entry 4 leaves 2 of A, but its events add up to 3" in complaints(entries(history))


def test_an_erasure_is_told_of_once() -> None:
    gone = dataclasses.replace(BOOKS, accounts=[msgspec.structs.replace(account(), erased=True)])
    told = [*HISTORY, UserErased(user_id="u1", reason="privacy")]
    assert audit_holds(gone, entries(told), INTACT) == []
    assert audit_holds(gone, entries(), INTACT) != []
