"""Values for the shop's tests, with defaults where a test does not care."""

from __future__ import annotations

from shop.contracts.order import Order, OrderLine, OrderStatus
from shop.contracts.payment import Payment, PaymentStatus
from shop.contracts.shipping import Parcel, ParcelStatus
from shop.contracts.user import Account
from shop.contracts.values import Address, Money

ADDRESS = Address(name="Ann", street="1 High Street", city="York", postcode="YO1 7HH", country="GB")


def line(sku: str = "AUD-001", quantity: int = 1, price: int = 1000) -> OrderLine:
    return OrderLine(sku=sku, name=f"Thing {sku}", quantity=quantity, price=Money(price))


def order(
    order_id: str = "o1",
    *,
    status: OrderStatus = "confirmed",
    total: int = 1000,
    lines: list[OrderLine] | None = None,
) -> Order:
    return Order(
        id=order_id,
        user_id="u1",
        status=status,
        lines=lines or [line()],
        total=Money(total),
        placed_at=0.0,
        payment_id=f"pay-{order_id}" if status == "confirmed" else "",
        tracking=f"T-{order_id}" if status == "confirmed" else "",
    )


def payment(order_id: str = "o1", *, status: PaymentStatus = "captured", amount: int = 1000) -> Payment:
    return Payment(id=f"pay-{order_id}", order_id=order_id, amount=Money(amount), method="visa", status=status)


def parcel(order_id: str = "o1", *, status: ParcelStatus = "booked", parcel_id: str = "") -> Parcel:
    return Parcel(
        id=parcel_id or f"parcel-{order_id}",
        order_id=order_id,
        tracking=f"T-{order_id}",
        carrier="Hansa Post",
        status=status,
        booked_at=0.0,
        max_days=5,
    )


def account(user_id: str = "u1") -> Account:
    return Account(id=user_id, email=f"{user_id}@example.org", name="Ann", country="GB", created_at=0.0)
