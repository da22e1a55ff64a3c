"""Stock on hand and the reservations against it."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

import msgspec

from atoll.contracts import Event, Problem, command, contract, query
from shop.contracts.values import Line, PageSize

ReservationState = Literal["held", "released", "shipped"]


class Reserve(msgspec.Struct, frozen=True, kw_only=True):
    """Hold stock for an order. Lines of the same SKU are added up."""

    order_id: str
    lines: Annotated[list[Line], msgspec.Meta(min_length=1, max_length=100)]


class Restock(msgspec.Struct, frozen=True):
    """So many have arrived."""

    quantity: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """Stock held for an order, given back, or sent off."""

    id: str
    order_id: str
    state: ReservationState
    lines: list[Line]


class StockLevel(msgspec.Struct, frozen=True):
    """How many can be bought now."""

    sku: str
    available: int


class StockEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The books of one SKU: initial + restocked = on_hand + reserved + shipped. `on_hand` can be bought."""

    sku: str
    initial: int
    restocked: int
    on_hand: int
    reserved: int
    shipped: int


class StockChanged(Event, key="sku"):
    """Stock has come in: the first of a new product, or more of an old one."""

    sku: str
    quantity: int
    available: int


class StockReserved(Event, key="sku"):
    """Stock is held for an order."""

    sku: str
    order_id: str
    quantity: int
    available: int


class StockReleased(Event, key="sku"):
    """Stock that was held can be bought again."""

    sku: str
    order_id: str
    quantity: int
    available: int


class StockShipped(Event, key="sku"):
    """Stock that was held has left the house."""

    sku: str
    order_id: str
    quantity: int
    available: int


class OutOfStock(Problem, status=409):
    """There is not enough of this product."""

    sku: str
    requested: int
    available: int


class NoSuchStock(Problem, status=404):
    """There is no stock of such a product."""

    sku: str


class AlreadyShipped(Problem, status=409):
    """What was reserved has been shipped, so it cannot be released."""

    order_id: str


@contract("inventory", events=[StockChanged, StockReserved, StockReleased, StockShipped])
class Inventory(Protocol):
    """Stock on hand and the reservations against it."""

    @command("POST /reservations", raises=[OutOfStock, NoSuchStock], status=201)
    async def reserve(self, request: Reserve) -> Reservation:
        """Hold all lines or none. An order has one reservation: asking again returns it."""
        ...

    @command("DELETE /reservations/{reservation_id}", raises=[AlreadyShipped])
    async def release(self, reservation_id: str) -> None:
        """Give the stock back. Repeating it, or an unknown reservation, is no error."""
        ...

    @query("GET /stock/{sku}", public=True, anonymous=True, raises=[NoSuchStock])
    async def stock(self, sku: str) -> StockLevel:
        """How many can be bought now."""
        ...

    @command("POST /stock/{sku}/restocks", public=True, roles=["admin"])
    async def restock(self, sku: str, request: Restock) -> StockLevel:
        """Book stock that has arrived. The first of a product begins its books."""
        ...

    @query("GET /ledger/stock")
    async def stock_ledger(self, after: str = "", limit: PageSize = 500) -> list[StockEntry]:
        """The books of every SKU in order, beginning behind `after`. For checks."""
        ...

    @query("GET /ledger/reservations")
    async def reservation_ledger(self, after: str = "", limit: PageSize = 500) -> list[Reservation]:
        """Every reservation in the order of ids, beginning behind `after`. For checks."""
        ...
