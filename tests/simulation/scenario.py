"""The standard scenario: customers who insist on their orders while anything may be killed, and what must hold then."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Final

import msgspec

from atoll.clients import CallTimedOut, ConnectionFailed, Undone
from atoll.saga import SagaRow
from atoll.storage import Database, StorageError
from atoll.testing.simulation import Simulation
from tests.simulation.system import (
    EARLY_SECONDS,
    HINT,
    RIDDLE,
    THANKS_SECONDS,
    BankService,
    BooksService,
    Charge,
    Desk,
    DeskService,
    Network,
    Refused,
    Solver,
)

CUSTOMERS: Final = 6
ORDERS: Final = 2
THREAD: Final = "riddles"
MOVES: Final = "SELECT order_id AS key, cast(amount AS TEXT) AS what FROM moves ORDER BY seq"


class Line(msgspec.Struct, frozen=True):
    key: str
    what: str


class Customers:
    """Act, and keep what they are told."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.desk = sim.client(Desk)
        self.confirmed: list[str] = []
        self.tipped: list[str] = []

    async def act(self, number: int) -> None:
        for turn in range(ORDERS):
            key = f"{number}/{turn}"
            request = Charge("", f"account-{number % 2}", self.sim.chance.randrange(1, 100))
            await self._order(key, request)
            self.tipped.append(await self.sim.insist(f"{key}/tip", lambda asked=request: self.desk.tip(asked)))  # type: ignore[misc]
        await asyncio.sleep(THANKS_SECONDS + EARLY_SECONDS)

    async def _order(self, key: str, request: Charge) -> None:
        try:
            receipt = await self.sim.insist(key, lambda: self.desk.order(request))
            self.confirmed.append(receipt.order_id)
        except Refused:
            pass
        except Undone:
            await self._order(f"{key}+", request)


class Riddler:
    """Poses a riddle that the books cannot take, and gives a hint, which goes behind it; then has both replayed."""

    def __init__(self, sim: Simulation, solver: Solver) -> None:
        self.sim, self.solver = sim, solver
        self.desk = sim.client(Desk)
        self.letters = sim.database(BooksService).dead_letters

    async def act(self) -> None:
        for what in (RIDDLE, HINT):
            await self.sim.insist(what, lambda asked=what: self.desk.pose(THREAD, asked))  # type: ignore[misc]
        while await self._dead() < 2:
            pass
        self.solver.solves = True
        while await self._dead():
            with suppress(ConnectionFailed, CallTimedOut):
                await self.sim.operate(BooksService, "/_atoll/deadletters/replay", {"key": THREAD})

    async def _dead(self) -> int:
        """Return how many dead letters there are, a moment later."""
        while True:
            await asyncio.sleep(1.0)
            with suppress(StorageError):
                return len(await self.letters.list(key=THREAD))


class Books:
    """The rows of all services, compared with each other and with what the customers were told."""

    def __init__(self, sim: Simulation, customers: Customers, network: Network) -> None:
        self.customers, self.network = customers, network
        self.bank = sim.database(BankService)
        self.desk = sim.database(DeskService)
        self.books = sim.database(BooksService)

    async def answers(self) -> Iterable[str]:
        states = await self._states()
        told = Counter([*self.customers.confirmed, *self.customers.tipped])
        yes = {order for order, course in states.items() if course[-1] in {"confirmed", "tipped"}}
        missing = [f"{order} was promised and is {states.get(order)}" for order in told if order not in yes]
        unasked = [f"{order} is {states[order]} but no customer was told" for order in sorted(yes) if order not in told]
        return [*missing, *unasked, *(f"{order} was told {count} times" for order, count in told.items() if count > 1)]

    async def orders(self) -> Iterable[str]:
        paid: dict[str, list[int]] = defaultdict(list)
        for line in await self._lines(self.bank, MOVES):
            paid[line.key].append(int(line.what))
        return [
            wrong for order, course in (await self._states()).items() if (wrong := _wrong(order, course, paid[order]))
        ]

    async def money(self) -> Iterable[str]:
        moved: dict[str, int] = defaultdict(int)
        for line in await self._lines(self.bank, MOVES):
            moved[line.key] += int(line.what)
        orders = sorted({*moved, *self.network.captured})
        return [
            f"{order} moved {moved[order]} and the network has {self.network.captured.get(order, 0)}"
            for order in orders
            if moved[order] != self.network.captured.get(order, 0)
        ]

    async def books_agree(self) -> Iterable[str]:
        moves = "SELECT account AS key, order_id || ' ' || amount || ' ' || balance AS what FROM moves ORDER BY seq"
        wanted = _by_key(await self._lines(self.bank, moves)) | await self._states()
        kept = _by_key(await self._lines(self.books, "SELECT key, what FROM entries ORDER BY seq"))
        return [f"{key}: {kept.get(key)} instead of {wanted[key]}" for key in wanted if kept.get(key) != wanted[key]]

    async def given_up(self) -> Iterable[str]:
        letters = [letter for each in (self.bank, self.desk, self.books) for letter in await each.dead_letters.list()]
        sql = "SELECT * FROM atoll_sagas WHERE status = 'parked'"
        parked = [*await self.desk.fetch_all(SagaRow, sql), *await self.bank.fetch_all(SagaRow, sql)]
        return [*(f"{each.id}: {each.error}" for each in letters), *(f"{each.id}: {each.cause}" for each in parked)]

    async def _states(self) -> dict[str, list[str]]:
        return _by_key(await self._lines(self.desk, "SELECT order_id AS key, state AS what FROM history ORDER BY seq"))

    async def _lines(self, database: Database, sql: str) -> list[Line]:
        return await database.fetch_all(Line, sql)


def _wrong(order: str, course: list[str], paid: list[int]) -> str:
    if course in (["tipped"], ["thanked"], [RIDDLE, HINT]) and not paid:
        return ""
    if course == ["placed", "confirmed"] and len(paid) == 1:
        return ""
    if course == ["placed", "cancelled"] and len(paid) in {0, 2} and sum(paid) == 0:
        return ""
    return f"{order} went {' '.join(course)} and moved {paid}"


def _by_key(lines: Iterable[Line]) -> dict[str, list[str]]:
    courses: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        courses[line.key].append(line.what)
    return courses


def orders(sim: Simulation) -> None:
    """Declare the system, its customers and its invariants."""
    network = Network(sim.weather)
    sim.service(BankService, replicas=2, known={Network: network})
    sim.service(DeskService, replicas=2)
    solver = Solver()
    sim.service(BooksService, known={Solver: solver})
    sim.actor(Riddler(sim, solver).act, name="the riddler")
    customers = Customers(sim)
    for number in range(CUSTOMERS):
        sim.actor(partial(customers.act, number), name=f"customer {number}")
    books = Books(sim, customers, network)
    sim.invariant("customers are told what is true", books.answers)
    sim.invariant("an order ends, and only a confirmed one is paid for", books.orders)
    sim.invariant("the bank and the network agree", books.money)
    sim.invariant("the books hold every event once, in order per key", books.books_agree)
    sim.invariant("nothing is given up", books.given_up)
