from __future__ import annotations

import asyncio

import pytest
from aiormq.exceptions import AMQPConnectionError, ChannelPreconditionFailed, ProbableAuthenticationError

from atoll.core.errors import AtollError
from atoll.messaging import BrokerUnavailable, BrokerUnusable
from atoll.messaging.rabbitmq.failures import largest_allowed, told
from atoll.messaging.rabbitmq.link import check_server


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (AMQPConnectionError("gone"), BrokerUnavailable),
        (ConnectionResetError(104, "reset"), BrokerUnavailable),
        (TimeoutError(), BrokerUnavailable),
        (RuntimeError("closed"), BrokerUnavailable),
        (StopAsyncIteration(), BrokerUnavailable),
        (ProbableAuthenticationError("ACCESS_REFUSED"), BrokerUnusable),
        (BrokerUnusable("told before"), BrokerUnusable),
    ],
)
async def test_what_the_client_raises_becomes_an_error_of_ours(raised: Exception, expected: type[AtollError]) -> None:
    with pytest.raises(expected), told("here"):
        raise raised


async def test_what_the_client_cancels_is_a_lost_connection() -> None:
    with pytest.raises(BrokerUnavailable, match="was lost"), told("here"):
        raise asyncio.CancelledError


async def test_a_caller_that_is_cancelled_stays_cancelled() -> None:
    async def wait() -> None:
        with told("here"):
            await asyncio.Event().wait()

    waiting = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize(
    ("text", "largest"),
    [
        ("PRECONDITION_FAILED - message size 101 is larger than configured max size 100", 100),
        ("PRECONDITION_FAILED - message size 536870913 is larger than max size 536870912", 536870912),
        ("PRECONDITION_FAILED - unknown delivery tag 7", None),
    ],
)
def test_the_largest_message_is_read_from_the_refusal(text: str, largest: int | None) -> None:
    assert largest_allowed(ChannelPreconditionFailed(text)) == largest


@pytest.mark.parametrize("version", ["3.10.0", "3.13.7", "4.0.1", "4.3.0-rc.1"])
def test_a_server_that_is_new_enough_is_taken(version: str) -> None:
    check_server({"product": "RabbitMQ", "version": version})


@pytest.mark.parametrize("version", ["3.9.29", "2.8.1", ""])
def test_a_server_that_is_too_old_is_refused(version: str) -> None:
    with pytest.raises(BrokerUnusable, match="too old"):
        check_server({"product": "RabbitMQ", "version": version})
