"""The shop's customers as a load: they keep coming until told to stop, and are held to what they were told."""

from __future__ import annotations

import asyncio
import time
from itertools import count
from random import Random
from typing import Final

from aiohttp import ClientSession, ClientTimeout, TCPConnector

from atoll.clients import Clients
from atoll.system import Load, Recorder
from shop.contracts import Payments, Shipping, Users
from shop.customers.customer import Customer, account_fact, order_facts
from shop.customers.tally import Tally
from shop.invariants.checks import orders_of, whole
from shop.invariants.rules import KEPT

AT_ONCE: Final = 12
REQUEST_SECONDS: Final = 40.0


async def keep_coming(url: str, random: Random, stop: asyncio.Event, recorder: Recorder) -> None:
    """Have so many customers at once in the shop until `stop`; each then ends their visit."""
    seed, numbers = random.getrandbits(32), count()
    tally = Tally(began=time.monotonic(), customers=0)
    timeout = ClientTimeout(total=REQUEST_SECONDS)
    async with ClientSession(url, connector=TCPConnector(limit=AT_ONCE * 2), timeout=timeout) as session:

        async def one_after_the_other() -> None:
            while not stop.is_set():
                await Customer(session, next(numbers), seed, tally, recorder).visit()

        await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))


async def facts(clients: Clients) -> list[str]:
    """Every account, confirmed order, payment that was kept and parcel under way."""
    payments = await whole(clients.of(Payments).payment_ledger, lambda payment: payment.id)
    parcels = await whole(clients.of(Shipping).parcel_ledger, lambda parcel: parcel.id)
    accounts = await whole(clients.of(Users).accounts, lambda account: account.id)
    confirmed = [order.id for order in await orders_of(clients) if order.status == "confirmed"]
    paid = [payment.order_id for payment in payments if payment.status in KEPT]
    sent = [parcel.order_id for parcel in parcels if parcel.status != "cancelled"]
    return [account_fact(account.email) for account in accounts] + [
        order_facts(order_id)[place] for place, ids in enumerate((confirmed, paid, sent)) for order_id in ids
    ]


LOAD: Final = Load(customers=keep_coming, facts=facts)
