"""Parcels: what can be sent where, and what has been."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from atoll.contracts import Event, Problem, command, contract, query
from shop.contracts.values import Address, Country, PageSize

ParcelStatus = Literal["booked", "in_transit", "delivered", "cancelled"]


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """Who would bring it, and in how many days. Delivery is free."""

    country: str
    carrier: str
    min_days: int
    max_days: int


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """Send an order to an address."""

    order_id: str
    user_id: str
    address: Address


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """One parcel. `tracking` is its UPU S10 number; `booked_at` is in epoch seconds."""

    id: str
    order_id: str
    tracking: str
    carrier: str
    status: ParcelStatus
    booked_at: float
    max_days: int


class ParcelBooked(Event, key="order_id"):
    """A carrier will bring an order."""

    parcel_id: str
    order_id: str
    tracking: str
    carrier: str


class ParcelCancelled(Event, key="order_id"):
    """A parcel will not be sent after all."""

    parcel_id: str
    order_id: str


class CountryNotServed(Problem, status=409):
    """No carrier of ours delivers to this country."""

    country: str


class AddressRefused(Problem, status=409):
    """The carrier cannot deliver to this address."""

    postcode: str


class ParcelNotFound(Problem, status=404):
    """There is no such parcel of yours."""


@contract("shipping", events=[ParcelBooked, ParcelCancelled])
class Shipping(Protocol):
    """Quotes, bookings, tracking."""

    @query("GET /quotes", public=True, anonymous=True, raises=[CountryNotServed])
    async def quote(self, country: Country) -> Quote:
        """Who delivers to a country, and how fast."""
        ...

    @command("POST /parcels", raises=[CountryNotServed, AddressRefused], status=201)
    async def book(self, request: Book) -> Parcel:
        """Book the parcel of an order. An order has one: asking again returns it."""
        ...

    @command("POST /parcels/{parcel_id}/cancellation")
    async def cancel(self, parcel_id: str) -> None:
        """Send it not. Repeating it, or an unknown parcel, is no error."""
        ...

    @query("GET /parcels/{tracking}", public=True, raises=[ParcelNotFound])
    async def track(self, tracking: str) -> Parcel:
        """Where a parcel of the customer who asks is."""
        ...

    @query("GET /ledger/parcels")
    async def parcel_ledger(self, after: str = "", limit: PageSize = 500) -> list[Parcel]:
        """Every parcel in the order of ids, beginning behind `after`. For checks."""
        ...
