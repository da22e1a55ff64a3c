"""The services of the standard scenario: orders are a saga over two of them, the third keeps books of their events.

Each service writes what it does into a history of its own, in the transaction that does it, and nowhere guards
against doing it twice: that each effect happens once is the toolkit's affair alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from atoll.contracts import Event, Message, Problem, command, contract
from atoll.core import Clock, new_id
from atoll.messaging import UndecodableMessage
from atoll.saga import Saga, saga
from atoll.service import Service, on
from atoll.storage import Database
from atoll.testing.simulation.faults import Weather

LIMIT: Final = 70
REST_SECONDS: Final = 11.0
"""How long an order of an even amount rests before it is confirmed: longer than a lease."""
THANKS_SECONDS: Final = 6.0
"""So long after a tip there are thanks for it."""
EARLY_SECONDS: Final = 3.1
"""So much earlier may be a matter of clocks that disagree."""
RIDDLE: Final = "riddle"
"""What the books cannot take before it is solved."""
HINT: Final = "hint"


class Moved(Event, key="account"):
    """Money was taken from an account, or went back to it; `balance` is what was taken in all."""

    account: str
    order_id: str
    amount: int
    balance: int


class Told(Event, key="order_id"):
    """An order was placed, confirmed or cancelled; or something else was done at the desk."""

    order_id: str
    state: str


class Refused(Problem, status=402):
    """The account may not be charged so much."""


class Charge(msgspec.Struct, frozen=True):
    order_id: str
    account: str
    amount: int


class Receipt(msgspec.Struct, frozen=True):
    order_id: str
    balance: int


@contract("bank", events=[Moved])
class Bank(Protocol):
    @command("POST /charges", raises=[Refused])
    async def charge(self, request: Charge) -> int: ...

    @command("POST /refunds")
    async def refund(self, request: Charge) -> None: ...


@contract("desk", events=[Told])
class Desk(Protocol):
    @command("POST /orders", raises=[Refused])
    async def order(self, request: Charge) -> Receipt: ...

    @command("POST /tips")
    async def tip(self, request: Charge) -> str: ...

    @command("POST /riddles/{thread}/{what}")
    async def pose(self, thread: str, what: str) -> None: ...


class Network:
    """A third party that is slow and sometimes fails, before or after it has done what it was asked."""

    def __init__(self, weather: Weather) -> None:
        self._weather = weather
        self.captured: dict[str, int] = {}

    async def capture(self, order_id: str, amount: int) -> int:
        if amount > LIMIT:
            raise Refused()
        await self._exchange(lambda: self.captured.update({order_id: amount}))
        return amount

    async def give_back(self, order_id: str) -> None:
        await self._exchange(lambda: self.captured.update({order_id: 0}))

    async def _exchange(self, effect: Callable[[], None]) -> None:
        await self._weather.hop()
        if self._weather.happens(0.03):
            raise ConnectionError("the request was lost")
        effect()
        await self._weather.hop()
        if self._weather.happens(0.03):
            raise ConnectionError("the reply was lost")


class BankService(Service, Bank):
    """Takes money and gives it back, as often as it is told to; taking it is a saga of its own."""

    schema = (
        "CREATE TABLE IF NOT EXISTS moves (seq INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, "
        "order_id TEXT NOT NULL, amount INTEGER NOT NULL, balance INTEGER NOT NULL)"
    )

    def __init__(self, db: Database, network: Network) -> None:
        self.db, self.network = db, network

    @saga
    async def charge(self, s: Saga, request: Charge) -> int:
        order = request.order_id
        await s.step(
            "capture", self.network.capture, order, request.amount, undo=lambda _: self.network.give_back(order)
        )
        return await s.step("note", self._move, request, request.amount)

    async def refund(self, request: Charge) -> None:
        """Promise the money back, and let a saga keep the promise."""
        await self.start(self.keep_promise, request, id=f"refund {request.order_id}")

    @saga
    async def keep_promise(self, s: Saga, request: Charge) -> int:
        order, back = request.order_id, -request.amount
        await s.step("give back", self.network.give_back, order, undo=lambda _: self._move(request, back))
        return await s.step("note", self._move, request, back)

    async def _move(self, request: Charge, amount: int) -> int:
        taken = await self.db.fetch_value(
            "SELECT coalesce(sum(amount), 0) FROM moves WHERE account = $1", request.account
        )
        balance = int(taken) + amount
        sql = "INSERT INTO moves (account, order_id, amount, balance) VALUES ($1, $2, $3, $4)"
        await self.db.execute(sql, request.account, request.order_id, amount, balance)
        self.emit(Moved(account=request.account, order_id=request.order_id, amount=amount, balance=balance))
        return balance


class Solver:
    """Somebody who solves riddles, from some moment on."""

    def __init__(self) -> None:
        self.solves = False


class DeskService(Service, Desk):
    """Takes orders: place, charge, hear that money was taken, rest, confirm; or cancel."""

    schema = (
        "CREATE TABLE IF NOT EXISTS history (seq INTEGER PRIMARY KEY AUTOINCREMENT, order_id TEXT NOT NULL, "
        "state TEXT NOT NULL)"
    )

    def __init__(self, db: Database, bank: Bank) -> None:
        self.db, self.bank = db, bank

    @saga(waits_for=[Moved])
    async def order(self, s: Saga, request: Charge) -> Receipt:
        order_id = await s.step("place", self._place, request, undo=self._cancel)
        charge = msgspec.structs.replace(request, order_id=order_id)
        balance = await s.step("charge", self.bank.charge, charge, undo=lambda _: self.bank.refund(charge))
        await s.wait_for(Moved, key=request.account)
        if request.amount % 2 == 0:
            await s.sleep("rest", REST_SECONDS)
        return await s.step("confirm", self._confirm, order_id, balance)

    async def tip(self, request: Charge) -> str:
        """A plain command: one transaction, an event and another that is scheduled, under a key."""
        tip_id = new_id()
        await self._tell(tip_id, "tipped")
        await self._tell(f"{tip_id} later", "thanked", after=THANKS_SECONDS)
        return tip_id

    async def pose(self, thread: str, what: str) -> None:
        await self._tell(thread, what)

    async def _place(self, request: Charge) -> str:
        order_id = new_id()
        await self._tell(order_id, "placed")
        return order_id

    async def _confirm(self, order_id: str, balance: int) -> Receipt:
        await self._tell(order_id, "confirmed")
        return Receipt(order_id, balance)

    async def _cancel(self, order_id: str) -> None:
        await self._tell(order_id, "cancelled")

    async def _tell(self, order_id: str, state: str, *, after: float | None = None) -> None:
        await self.db.execute("INSERT INTO history (order_id, state) VALUES ($1, $2)", order_id, state)
        self.emit(Told(order_id=order_id, state=state), after=after)


class BooksService(Service):
    """Writes down every event it is handed, as it comes; but for a riddle, which it cannot before it is solved."""

    name = "books"
    schema = (
        "CREATE TABLE IF NOT EXISTS entries (seq INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, "
        "what TEXT NOT NULL)"
    )

    def __init__(self, db: Database, clock: Clock, solver: Solver) -> None:
        self.db, self.clock, self.solver = db, clock, solver

    @on(Moved)
    async def moved(self, event: Moved, message: Message) -> None:
        await self._enter(message.key, f"{event.order_id} {event.amount} {event.balance}")

    @on(Told)
    async def told(self, event: Told, message: Message) -> None:
        if event.state == RIDDLE and not self.solver.solves:
            raise UndecodableMessage("nobody has solved it", message)
        early = event.state == "thanked" and self.clock.now() - message.time < THANKS_SECONDS - EARLY_SECONDS
        await self._enter(message.key, f"{event.state} too early" if early else event.state)

    async def _enter(self, key: str, what: str) -> None:
        await self.db.execute("INSERT INTO entries (key, what) VALUES ($1, $2)", key, what)
