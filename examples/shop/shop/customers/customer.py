"""Customers: each registers, looks around, fills a cart, and leaves or buys, by the dice of a seed."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from aiohttp import ClientSession, ClientTimeout, TCPConnector

from atoll.system import Recorder
from shop.customers.storefront import FINAL, Reply, Storefront
from shop.customers.tally import Tally

GOOD_CARDS: Final = ("tok_visa_4242", "tok_mastercard_4444", "tok_amex_8431")
BAD_CARDS: Final = ("tok_visa_0002", "tok_visa_9995", "tok_mastercard_0069", "tok_visa_0127")
WORDS: Final = ("headphones", "knife", "tent", "book", "lamp", "kite", "seeds", "wool", "coffee", "torch", "pen")
LOOKS: Final = 40
"""How often a customer looks again when nothing is found."""
PLACES: Final = (
    ("12 High Street", "York", "YO1 7HH", "GB"),
    ("Torstraße 41", "Berlin", "10119", "DE"),
    ("240 Elm Street", "Portland", "97205", "US"),
    ("Rue des Lilas 8", "Lyon", "69003", "FR"),
    ("Storgata 19", "Oslo", "0184", "NO"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """How many customers come, the seconds between two of them, how many are served at once, and the seed."""

    customers: int = 100
    gap: float = 0.1
    at_once: int = 12
    seed: int = 7


async def serve_crowd(url: str, crowd: Crowd, tally: Tally) -> None:
    """Let the customers come through the gateway at `url`; returns when the last has left."""
    places = asyncio.Semaphore(crowd.at_once)
    connector = TCPConnector(limit=crowd.at_once * 2)
    async with ClientSession(url, connector=connector, timeout=ClientTimeout(total=40.0)) as session:

        async def visit(number: int) -> None:
            await asyncio.sleep(number * crowd.gap)
            async with places:
                await Customer(session, number, crowd.seed, tally).visit()
                tally.finish()

        await asyncio.gather(*(visit(number) for number in range(crowd.customers)))


class Customer:
    """One customer. What they do follows from their number and the seed; what comes of it, from the shop."""

    def __init__(
        self, session: ClientSession, number: int, seed: int, tally: Tally, recorder: Recorder | None = None
    ) -> None:
        self.random = Random(f"{seed}/{number}")
        self.recorder = recorder or Recorder()
        self.shop = Storefront(session, self.random, self.recorder)
        self.name = f"Customer {number}"
        self.email = f"customer-{seed}-{number}@example.org"
        self.password = f"correct horse {seed} {number}"
        self.tally = tally

    async def visit(self) -> None:
        """Come, look, and buy once or twice or not at all."""
        if not await self._register() or not await self._sign_in():
            return
        for _ in range(self.random.choice((1, 1, 1, 2))):
            if not await self._fill_cart():
                return
            if self.random.random() < 0.15:
                self.tally.abandoned += 1
                return
            await self._buy()

    async def _register(self) -> bool:
        ticket = self._noted(await self.shop.command("POST", "/credentials", {"password": self.password}))
        if not ticket.ok:
            return self._gave_up("credentials", ticket)
        body = {
            "email": self.email,
            "credential": ticket.document["credential"],
            "name": self.name,
            "country": self.random.choice(PLACES)[3],
            "source": self.random.choice(("web", "app", "shop")),
        }
        reply = self._noted(await self.shop.command("POST", "/users", body, keyed=True))
        if not reply.ok:
            return self._gave_up("registration", reply)
        self.recorder.acknowledge(account_fact(self.email))
        return True

    async def _sign_in(self) -> bool:
        body = {"email": self.email, "password": self.password}
        reply = self._noted(await self.shop.command("POST", "/sessions", body))
        if not reply.ok:
            return self._gave_up("sign-in", reply)
        self.shop.token = reply.document["access_token"]
        self.tally.signed_in += 1
        return True

    async def _fill_cart(self) -> bool:
        found = await self._look_around()
        if not found:
            return False
        for entry in self.random.sample(found, min(len(found), self.random.randint(1, 3))):
            await self.shop.get(f"/products/{entry['sku']}")
            reply = await self._take(entry["sku"], self.random.choice((1, 1, 1, 2, 3)))
            if not reply.ok:
                return self._gave_up("cart", reply)
        self.tally.carts += 1
        return True

    async def _take(self, sku: str, quantity: int) -> Reply:
        """Put a product into the cart; on the first day `order` may hear of it later than the catalogue did."""
        looks = 0
        while True:
            reply = self._noted(await self.shop.command("PUT", f"/cart/lines/{sku}", {"quantity": quantity}))
            looks += 1
            if reply.code != "unknown_product" or looks == LOOKS:
                return reply
            await asyncio.sleep(0.25)

    async def _look_around(self) -> list[dict[str, Any]]:
        """Search for a word; some want only what is nearly gone. On the first day the shelves fill as they look."""
        path = f"/catalog?in_stock=true&size=20&text={self.random.choice(WORDS)}"
        if self.random.random() < 0.2:
            path = f"/catalog?in_stock=true&size=100&page={self.random.choice((1, 2))}"
        for _ in range(LOOKS):
            reply = self._noted(await self.shop.get(path))
            entries: list[dict[str, Any]] = reply.document["entries"] if reply.ok else []
            if entries:
                return [entry for entry in entries if entry["available"] <= 5] or entries
            await asyncio.sleep(0.25)
        self.tally.lose("search: nothing found")
        return []

    async def _buy(self) -> None:
        bad_card, bad_place = self.random.random() < 0.15, self.random.random() < 0.06
        card = self.random.choice(BAD_CARDS if bad_card else GOOD_CARDS)
        reply = await self._check_out(card, bad_place=bad_place)
        if reply.code == "card_declined" and self.random.random() < 0.6:
            await self._check_out(self.random.choice(GOOD_CARDS), bad_place=False)

    async def _check_out(self, card: str, *, bad_place: bool) -> Reply:
        street, city, postcode, country = self.random.choice(PLACES)
        if bad_place:
            postcode, country = self.random.choice((("00000", "US"), ("10110", "TH")))
        address = {"name": self.name, "street": street, "city": city, "postcode": postcode, "country": country}
        began = time.monotonic()
        self.tally.enter_checkout()
        try:
            body = {"card": card, "address": address}
            reply = self._noted(await self.shop.command("POST", "/checkout", body, keyed=True))
        finally:
            self.tally.in_checkout -= 1
        await self._tell(reply, began)
        return reply

    async def _tell(self, reply: Reply, began: float) -> None:
        now = time.monotonic()
        if reply.ok:
            self.tally.confirm(now - began, now)
            for fact in order_facts(reply.document["id"]):
                self.recorder.acknowledge(fact)
        elif 400 <= reply.status < 500 or reply.code in FINAL:
            self.tally.cancel(reply.code)
        elif await self._was_undone():
            self.tally.cancel("unavailable")
        else:
            self._gave_up("checkout", reply)

    async def _was_undone(self) -> bool:
        """Tell whether a checkout that ended in an error of the shop was cancelled in good order."""
        for _ in range(LOOKS):
            reply = self._noted(await self.shop.get("/orders"))
            if not reply.ok:
                return False
            if reply.document["complete"]:
                orders = reply.document["orders"]
                return bool(orders) and orders[-1]["status"] == "cancelled"
        return False

    def _noted(self, reply: Reply) -> Reply:
        self.tally.retries += reply.attempts - 1
        return reply

    def _gave_up(self, what: str, reply: Reply) -> bool:
        told = f"{what}: {reply.status or 'no answer'} {reply.code}".strip()
        self.tally.lose(told)
        self.recorder.give_up(told)
        return False


def account_fact(email: str) -> str:
    """What a customer is told by a registration that worked."""
    return f"account of {email}"


def order_facts(order_id: str) -> list[str]:
    """What a customer is told by a confirmed order: it is there, it is paid, it is on its way."""
    return [f"{what} {order_id}" for what in ("order", "payment for order", "parcel for order")]
