"""Customers in a closed loop: each checks out, waits for the answer, and the next cart follows at once."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from aiohttp import ClientResponse, ClientSession, ClientTimeout, TCPConnector
from books import Books
from contestant import Contestant, Failed

from shop.catalogue import make_catalogue

LINES: Final = 2
LATE_SECONDS: Final = 0.2
"""After the last consequence the processes get this long to end what they do, so that its cost is counted."""

_CHECKOUT: Final = {
    "card": "tok_visa_4242",
    "address": {
        "name": "A Customer",
        "street": "1 Long Lane",
        "city": "Springfield",
        "postcode": "62701",
        "country": "US",
    },
}


class CheckoutFailed(Failed):
    """A checkout that had to succeed did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round of `orders` took: seconds until the last answer and until the last consequence."""

    orders: int
    answered: float
    settled: float
    latencies: Sequence[float]
    cpu: dict[str, float]

    def cpu_per_order(self, names: Iterable[str]) -> float:
        """Return the milliseconds of processor time that these processes used for an order."""
        return sum(self.cpu[name] for name in names) / self.orders * 1000

    def percentile(self, share: float) -> float:
        """Return the latency in milliseconds that this share of the checkouts kept below."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


class Customers:
    """The customers of one shop; `async with` it. `enrol` once, then any number of rounds."""

    def __init__(self, contestant: Contestant, *, concurrency: int) -> None:
        self.contestant = contestant
        self._books = Books(contestant.data)
        self.concurrency = concurrency
        self._tokens: list[str] = []

    async def __aenter__(self) -> Customers:
        self._http = ClientSession(
            self.contestant.gateway_url,
            connector=TCPConnector(limit=self.concurrency),
            timeout=ClientTimeout(total=60),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def enrol(self, count: int) -> None:
        """Open so many accounts."""

        async def one(number: int) -> None:
            self._tokens.append(await self.contestant.enrol(self._http, f"customer{number}@mail.example"))

        await _closed_loop(self.concurrency, one, list(range(count)))
        await self._books.quiet()

    async def round(self, *, orders: int, concurrency: int, random: Random) -> Round:
        """Fill carts, and when all has been heard of that, check them out."""
        tokens = self._tokens[:orders]
        skus = [item.product.sku for item in make_catalogue().items if item.stock >= 100]
        baskets = [(token, random.sample(skus, LINES)) for token in tokens]
        before = (await self._books.quiet()).after_carts(len(tokens))
        await _closed_loop(self.concurrency, self._fill, baskets)
        await self._books.settled(before)
        cpu, began = self.contestant.cpu_seconds(), time.monotonic()
        latencies = await _closed_loop(concurrency, self._check_out, tokens)
        answered = time.monotonic() - began
        await self._books.settled(before.after(orders, LINES))
        settled = time.monotonic() - began
        await asyncio.sleep(LATE_SECONDS)
        used = {name: seconds - cpu[name] for name, seconds in self.contestant.cpu_seconds().items()}
        return Round(orders=orders, answered=answered, settled=settled, latencies=latencies, cpu=used)

    async def _fill(self, basket: tuple[str, list[str]]) -> None:
        token, skus = basket
        for sku in skus:
            async with self._http.put(f"/cart/lines/{sku}", json={"quantity": 1}, headers=_headers(token)) as answer:
                await _checked(answer)

    async def _check_out(self, token: str) -> None:
        async with self._http.post("/checkout", json=_CHECKOUT, headers=_headers(token)) as answer:
            order = await _checked(answer)
            if order["status"] != "confirmed" or len(order["lines"]) != LINES:
                raise CheckoutFailed(f"the order ended as {order}")


async def _closed_loop(concurrency: int, work: Callable[[Any], Awaitable[None]], items: Sequence[Any]) -> list[float]:
    """Do `work` for each item, so many at a time; return how long each took."""
    waiting, seconds = iter(items), []

    async def customer() -> None:
        for item in waiting:
            began = time.monotonic()
            await work(item)
            seconds.append(time.monotonic() - began)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(customer())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return seconds


async def _checked(answer: ClientResponse) -> Any:
    if answer.status != 200:
        raise CheckoutFailed(f"{answer.method} {answer.url.path} was answered {answer.status}: {await answer.text()}")
    return await answer.json()


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid.uuid4())}
