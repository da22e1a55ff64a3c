"""Members of one group on NATS that handle different types, as while a service is upgraded."""

from __future__ import annotations

import asyncio

import nats
import pytest

from atoll.messaging.nats import NatsServer
from atoll.testing.broker_suite import arrived, publish_until_stored
from atoll.testing.checks import until
from atoll.testing.queue_suite import ENDED, HAPPENED, Collector, message, settle_what_happened
from tests.integration.messaging.conftest import Open


async def subjects(server: NatsServer) -> set[str]:
    """What the server gives to the group."""
    client = await nats.connect(server.url)
    info = await client.jetstream().consumer_info("shop", "g")
    await client.close()
    return set(info.config.filter_subjects or [])


async def test_a_member_that_connects_again_takes_no_type_from_one_that_is_not_back_yet(
    server: NatsServer, connect: Open
) -> None:
    older, newer, collector = await connect(), await connect(), Collector(then=settle_what_happened)
    await newer.subscribe("g", [HAPPENED, ENDED], Collector())
    await older.subscribe("g", [HAPPENED], collector)
    await newer.close()
    server.kill()
    await server.wait()
    await server.start()
    await publish_until_stored(older, 1)
    await arrived(collector, 1)
    assert await subjects(server) == {f"shop.{HAPPENED}", f"shop.{ENDED}"}


async def test_a_type_that_nobody_handles_any_more_is_left_out_at_the_next_start(
    server: NatsServer, connect: Open
) -> None:
    older = await connect()
    await (await older.subscribe("g", [HAPPENED, ENDED], Collector())).stop()
    await (await connect()).subscribe("g", [HAPPENED], Collector())
    assert await subjects(server) == {f"shop.{HAPPENED}"}


async def test_what_only_another_one_handles_goes_there_with_what_follows_in_order(connect: Open) -> None:
    old, new, queue = Collector(then=settle_what_happened), Collector(), await connect()
    await (await connect()).subscribe("g", [HAPPENED], old)
    await (await connect()).subscribe("g", [HAPPENED], Collector(then=settle_what_happened))
    await (await connect()).subscribe("g", [HAPPENED, ENDED], new)
    for number in range(40):
        await queue.publish(message(number, kind=ENDED if number % 3 == 2 else HAPPENED))
    await until(lambda: new.numbers[-1:] == [39] or {*range(2, 40, 3)} <= {*new.numbers})
    first_seen = list(dict.fromkeys(new.numbers))
    assert first_seen == sorted(first_seen)


async def test_a_message_that_nobody_handles_is_not_passed_round(
    connect: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="atoll.messaging.nats")
    old = Collector(then=settle_what_happened)
    await (await connect()).subscribe("g", [HAPPENED], old)
    await (await connect()).subscribe("g", [HAPPENED], Collector(then=settle_what_happened))
    queue = await connect()
    await (await queue.subscribe("g", [HAPPENED, ENDED], Collector())).stop()
    await queue.publish(message(1, kind=ENDED))
    async with asyncio.timeout(10.0):
        await old.wait_for(4)
    assert old.deliveries[3].attempt == 4
    assert "goes on" not in caplog.text
