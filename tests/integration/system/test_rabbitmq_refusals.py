"""What a RabbitMQ cannot be used for or with reaches the user of `atoll up` in one sentence, and nothing starts."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from atoll.messaging.rabbitmq.topology import LOSSY_QUEUE, Namespace
from atoll.system import running
from tests.integration.messaging.rabbitmq.broker import URL, Proxy, note_group, raw, wipe
from tests.integration.system.test_refusals import refused

RABBITS = "tests.integration.system.rabbits:rabbits"
PLACE = f"amqp://{urlsplit(URL).hostname}:{urlsplit(URL).port or 5672}"
NAMES = Namespace("rabbits")


@pytest.fixture(autouse=True)
async def nothing_left() -> AsyncIterator[None]:
    """Nothing of `rabbits` is at the broker before or after a test."""
    await wiped()
    yield
    await wiped()


async def wiped() -> None:
    for group in ("counter", "desk"):
        note_group("rabbits", group)
    await wipe("rabbits")


async def said(broker_url: str, directory: Path, target: str = RABBITS) -> str:
    return await refused(target, directory, environ={"ATOLL_BROKER_URL": broker_url})


async def test_wrong_credentials_are_told_without_the_password(tmp_path: Path) -> None:
    url = PLACE.replace("//", "//guest:hunter2@")
    assert await said(url, tmp_path) == (
        f"rabbits cannot start: the broker at {PLACE} refused the user or the password; correct ATOLL_BROKER_URL"
    )
    assert all("hunter2" not in log.read_text() for log in (tmp_path / "rabbits/logs").iterdir())


async def test_a_virtual_host_that_is_not_there_is_told(tmp_path: Path) -> None:
    told = await said(f"{PLACE.replace('//', '//guest:guest@')}/nowhere", tmp_path)
    assert told == (
        f"rabbits cannot start: {PLACE}/nowhere has no such virtual host, or not for that user; "
        "correct ATOLL_BROKER_URL"
    )


async def test_a_url_that_names_no_server_is_told(tmp_path: Path) -> None:
    assert await said("amqp://guest:hunter2@:5672", tmp_path) == (
        "rabbits cannot start: the broker URL 'amqp://:5672' is not usable; write amqp://user:password@host:port/vhost"
    )


async def test_what_the_user_may_not_make_is_told_with_the_servers_reason(tmp_path: Path) -> None:
    told = await said(URL, tmp_path, "tests.integration.system.rabbits:reserved")
    assert told.startswith(f"amq cannot start: the user of {PLACE}/ lacks a permission: ACCESS_REFUSED - ")
    assert "reserved prefix 'amq.*'" in told


async def test_a_server_that_is_too_old_is_told(tmp_path: Path) -> None:
    proxy = Proxy(rewrite=lambda data: re.sub(rb"(?<=versionS\x00\x00\x00.)\d", b"2", data))
    await proxy.start()
    told = await said(proxy.url, tmp_path)
    await proxy.stop()
    assert told.startswith("rabbits cannot start: RabbitMQ 2.")
    assert told.endswith("upgrade it")


async def test_a_stream_that_can_lose_messages_is_told_with_the_setting_that_accepts_it(tmp_path: Path) -> None:
    async with raw() as channel:
        await channel.queue_declare(NAMES.events, durable=True)
    told = await said(URL, tmp_path)
    assert told.startswith(
        f"rabbits cannot start: at {PLACE}/ the queue 'rabbits.events' is set up so that it can lose"
    )
    assert told.endswith(f"or accept that messages may be lost with ATOLL_UNSAFE={LOSSY_QUEUE}")


async def test_a_group_that_can_lose_messages_is_told_by_its_service(tmp_path: Path) -> None:
    async with raw() as channel:
        await channel.queue_declare(NAMES.group("desk"), durable=True)
    told = await said(URL, tmp_path)
    assert told.startswith(f"desk cannot start: at {PLACE}/ the queue 'rabbits.group.desk' is set up so that")
    assert told.endswith(f"or accept that messages may be lost with ATOLL_UNSAFE={LOSSY_QUEUE}")


async def test_a_risk_that_is_accepted_does_not_stop_the_start(tmp_path: Path) -> None:
    async with raw() as channel:
        await channel.queue_declare(NAMES.group("desk"), durable=True)
    environ = {"ATOLL_BROKER_URL": URL, "ATOLL_UNSAFE": LOSSY_QUEUE}
    async with running(RABBITS, directory=tmp_path, environ=environ) as system:
        assert system.state.stage == "ready"
