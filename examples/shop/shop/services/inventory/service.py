"""The service that counts stock and holds it for orders."""

from __future__ import annotations

from collections.abc import Callable

from atoll.core import new_id
from atoll.service import Service, on
from atoll.storage import Database
from shop.catalogue import Catalogue
from shop.contracts.inventory import (
    AlreadyShipped,
    Inventory,
    NoSuchStock,
    Reservation,
    ReservationState,
    Reserve,
    Restock,
    StockChanged,
    StockEntry,
    StockLevel,
    StockReleased,
    StockReserved,
    StockShipped,
)
from shop.contracts.order import OrderConfirmed
from shop.contracts.values import Line
from shop.services.inventory import domain
from shop.services.inventory.store import InventoryStore

Moved = type[StockReserved] | type[StockReleased] | type[StockShipped]


class InventoryService(Service, Inventory):
    """Stock as rows; each change is told with how many can be bought after it."""

    version = "1.0.0"
    migrations = "migrations"

    def __init__(self, db: Database, catalogue: Catalogue) -> None:
        self.db = db
        self.store = InventoryStore(db)
        self.catalogue = catalogue

    async def on_start(self) -> None:
        await self.db.atomic(self._seed)

    async def _seed(self) -> None:
        for item in self.catalogue.items:
            await self._open(item.product.sku, item.stock)

    async def reserve(self, request: Reserve) -> Reservation:
        if (known := await self.store.reservation_of(request.order_id)) is not None:
            return known
        lines = domain.merged(request.lines)
        reservation = Reservation(id=new_id(), order_id=request.order_id, state="held", lines=lines)
        await self._move(reservation, domain.reserve, StockReserved)
        await self.store.add_reservation(reservation)
        return reservation

    async def release(self, reservation_id: str) -> None:
        reservation = await self.store.reservation(reservation_id)
        if reservation is None or reservation.state == "released":
            return
        if reservation.state == "shipped":
            raise AlreadyShipped(order_id=reservation.order_id)
        await self._settle(reservation, "released", domain.release, StockReleased)

    async def stock(self, sku: str) -> StockLevel:
        return StockLevel(sku, (await self._known(sku)).on_hand)

    async def restock(self, sku: str, request: Restock) -> StockLevel:
        stock = await self.store.stock(sku)
        if stock is None:
            stock = domain.opened(sku, 0)
            await self.store.open(stock)
        stock = domain.restock(stock, request.quantity)
        await self.store.save(stock)
        self.emit(StockChanged(sku=sku, quantity=request.quantity, available=stock.on_hand))
        return StockLevel(sku, stock.on_hand)

    @on(OrderConfirmed)
    async def send_off(self, event: OrderConfirmed) -> None:
        """What an order holds leaves the house once the order is confirmed."""
        reservation = await self.store.reservation_of(event.order_id)
        if reservation is not None and reservation.state == "held":
            await self._settle(reservation, "shipped", domain.ship, StockShipped)

    async def stock_ledger(self, after: str = "", limit: int = 500) -> list[StockEntry]:
        return await self.store.stock_page(after, limit)

    async def reservation_ledger(self, after: str = "", limit: int = 500) -> list[Reservation]:
        return await self.store.reservation_page(after, limit)

    async def _open(self, sku: str, initial: int) -> None:
        if await self.store.open(domain.opened(sku, initial)):
            self.emit(StockChanged(sku=sku, quantity=initial, available=initial))

    async def _settle(
        self,
        reservation: Reservation,
        state: ReservationState,
        step: Callable[[StockEntry, int], StockEntry],
        told: Moved,
    ) -> None:
        await self._move(reservation, step, told)
        await self.store.set_state(reservation.id, state)

    async def _move(self, reservation: Reservation, step: Callable[[StockEntry, int], StockEntry], told: Moved) -> None:
        for line in reservation.lines:
            stock = step(await self._known(line.sku), line.quantity)
            await self.store.save(stock)
            self.emit(_event(told, reservation, line, stock))

    async def _known(self, sku: str) -> StockEntry:
        stock = await self.store.stock(sku)
        if stock is None:
            raise NoSuchStock(sku=sku)
        return stock


def _event(
    told: Moved, reservation: Reservation, line: Line, stock: StockEntry
) -> StockReserved | StockReleased | StockShipped:
    return told(sku=line.sku, order_id=reservation.order_id, quantity=line.quantity, available=stock.on_hand)
