"""Values that several contracts speak of: money, addresses, lines."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

Email: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)]
Country: TypeAlias = Annotated[
    str, msgspec.Meta(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2, for example GB")
]
Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
Quantity: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=99)]
PageSize: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=500)]


class Money(msgspec.Struct, frozen=True):
    """An amount in minor units (cents) of a currency (ISO 4217). Never a float, never negative."""

    amount: Annotated[int, msgspec.Meta(ge=0)]
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")] = "USD"

    def __add__(self, other: Money) -> Money:
        """Return the sum. Raises ValueError when the currencies differ."""
        if other.currency != self.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return Money(self.amount + other.amount, self.currency)

    def times(self, quantity: int) -> Money:
        """Return the price of `quantity` of these."""
        return Money(self.amount * quantity, self.currency)

    def __str__(self) -> str:
        return f"{self.amount // 100}.{self.amount % 100:02d} {self.currency}"


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a parcel goes."""

    name: Name
    street: Name
    city: Name
    postcode: Annotated[str, msgspec.Meta(min_length=2, max_length=12)]
    country: Country


class Line(msgspec.Struct, frozen=True):
    """So many of one product."""

    sku: str
    quantity: Annotated[int, msgspec.Meta(ge=1)]
