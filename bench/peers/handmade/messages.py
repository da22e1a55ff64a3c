"""What the services say to each other, as pydantic models: requests, answers, events."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field


class Money(BaseModel):
    amount: Annotated[int, Field(ge=0)]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "USD"


class Address(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=120)]
    street: Annotated[str, Field(min_length=1, max_length=120)]
    city: Annotated[str, Field(min_length=1, max_length=120)]
    postcode: Annotated[str, Field(min_length=2, max_length=12)]
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")]


class PutLine(BaseModel):
    quantity: Annotated[int, Field(ge=1, le=99)]


class Checkout(BaseModel):
    card: Annotated[str, Field(pattern="^tok_[a-z]+_[0-9]{4}$")]
    address: Address
    expected_total: Money | None = None


class OrderLine(BaseModel):
    sku: str
    name: str
    quantity: int
    price: Money


class Cart(BaseModel):
    lines: list[OrderLine]
    total: Money


class Order(BaseModel):
    id: str
    user_id: str
    status: str
    lines: list[OrderLine]
    total: Money
    placed_at: float
    reason: str = ""
    payment_id: str = ""
    tracking: str = ""


class Line(BaseModel):
    sku: str
    quantity: Annotated[int, Field(ge=1)]


class Reserve(BaseModel):
    order_id: str
    lines: Annotated[list[Line], Field(min_length=1, max_length=100)]


class Reservation(BaseModel):
    id: str
    order_id: str
    state: str
    lines: list[Line]


class Charge(BaseModel):
    order_id: str
    amount: Money
    card: str


class Payment(BaseModel):
    id: str
    order_id: str
    amount: Money
    method: str
    status: str
    reference: str


class Book(BaseModel):
    order_id: str
    user_id: str
    address: Address


class Parcel(BaseModel):
    id: str
    order_id: str
    tracking: str
    carrier: str
    status: str
    booked_at: float
    max_days: int


class SignIn(BaseModel):
    email: str
    name: str


class Session(BaseModel):
    user_id: str
    access_token: str


class Event(BaseModel):
    """A fact. `key` names what it is about."""

    @property
    def key(self) -> str:
        return str(getattr(self, "order_id", "") or getattr(self, "user_id", "") or getattr(self, "sku", ""))


class Envelope(BaseModel):
    """An event on its way."""

    id: str
    type: str
    source: str
    time: float
    key: str
    data: dict[str, Any]


class UserCreated(Event):
    user_id: str
    email: str
    name: str


class CartStarted(Event):
    user_id: str


class OrderPlaced(Event):
    order_id: str
    user_id: str
    lines: list[OrderLine]
    total: Money


class OrderConfirmed(Event):
    order_id: str
    user_id: str
    total: Money
    payment_id: str
    payment_method: str
    tracking: str


class OrderCancelled(Event):
    order_id: str
    user_id: str
    total: Money
    reason: str


class StockReserved(Event):
    sku: str
    order_id: str
    quantity: int
    available: int


class StockReleased(StockReserved):
    pass


class StockShipped(StockReserved):
    pass


class PaymentCaptured(Event):
    payment_id: str
    order_id: str
    amount: Money
    payment_method: str


class ParcelBooked(Event):
    parcel_id: str
    order_id: str
    tracking: str
    carrier: str


EVENTS: tuple[type[Event], ...] = (
    UserCreated,
    CartStarted,
    OrderPlaced,
    OrderConfirmed,
    OrderCancelled,
    StockReserved,
    StockReleased,
    StockShipped,
    PaymentCaptured,
    ParcelBooked,
)
