"""A RabbitMQ for a run of the shop: one of its own where there is a program to start, else one that runs already."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Final

import aiormq
from aiormq.exceptions import AMQPError, ChannelNotFoundEntity

from atoll.messaging import BrokerUnusable
from atoll.messaging.rabbitmq.link import passing_channel
from atoll.messaging.rabbitmq.server import find_rabbitmq
from atoll.messaging.rabbitmq.topology import Namespace
from shop.system import shop

USUAL: Final = "amqp://guest:guest@127.0.0.1:5672/"
NAMES: Final = Namespace(shop.name)


@contextmanager
def rabbitmq(named: str) -> Generator[str]:
    """Give the URL of the broker to use, empty for one that the run starts itself, which alone can be killed.

    `named` is one that the user chose, or empty. What the shop makes on a broker that is not its own is removed at
    the end. Raises BrokerUnusable when there is none, or when it holds a shop already.
    """
    if not named and _installed():
        yield ""
        return
    url = named or USUAL
    asyncio.run(_refuse_shop(url, chosen=bool(named)))
    try:
        yield url
    finally:
        asyncio.run(_remove(url))


def _installed() -> bool:
    with suppress(BrokerUnusable):
        find_rabbitmq()
        return True
    return False


async def _refuse_shop(url: str, *, chosen: bool) -> None:
    try:
        connection = await aiormq.connect(url)
    except (AMQPError, OSError) as error:
        where = "ATOLL_BROKER_URL names none that answers" if chosen else "none is installed, and none runs here"
        raise BrokerUnusable(
            f"there is no RabbitMQ: {where} ({error}); install Debian's rabbitmq-server, or correct ATOLL_BROKER_URL"
        ) from None
    try:
        async with passing_channel(connection) as channel:
            await channel.queue_declare(NAMES.events, passive=True)
    except ChannelNotFoundEntity:
        return
    finally:
        await connection.close()
    raise BrokerUnusable("that RabbitMQ holds a shop already; name another virtual host in ATOLL_BROKER_URL")


async def _remove(url: str) -> None:
    """Delete every queue and exchange that the shop may have made."""
    groups = [each.name for each in shop.services]
    queues = [NAMES.events, *map(NAMES.group, groups), *map(NAMES.dead_of, groups)]
    connection = await aiormq.connect(url)
    try:
        for name in queues:
            async with passing_channel(connection) as channel:
                await channel.queue_delete(name)
        for name in (NAMES.events, NAMES.dead, *map(NAMES.group, groups)):
            async with passing_channel(connection) as channel:
                await channel.exchange_delete(name)
    finally:
        await connection.close()
