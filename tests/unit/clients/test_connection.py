from __future__ import annotations

import pytest

from atoll.clients import ConnectionFailed, MalformedReply
from atoll.clients.transport.connection import Connection
from tests.unit.clients.wires import wired

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def test_a_request_is_written_and_its_reply_returned() -> None:
    connection, wire = wired()
    answer = connection.exchange("GET", b"request")
    connection.data_received(OK)
    assert wire.written == [b"request"]
    assert (await answer).body == b"ok"


async def test_a_connection_carries_request_after_request() -> None:
    connection, _ = wired()
    for _ in range(3):
        assert connection.reusable
        answer = connection.exchange("GET", b"request")
        connection.data_received(OK)
        assert (await answer).body == b"ok"


async def test_a_connection_is_not_reusable_while_its_request_is_under_way() -> None:
    connection, _ = wired()
    answer = connection.exchange("GET", b"request")
    assert not connection.reusable
    answer.cancel()


async def test_a_connection_is_not_reusable_while_a_request_is_not_sent_whole() -> None:
    connection, wire = wired()
    wire.unsent = 1
    answer = connection.exchange("GET", b"request")
    connection.data_received(OK)
    await answer
    assert not connection.reusable


@pytest.mark.parametrize("began", [b"", b"HTTP/1.1 200 OK\r\n"])
@pytest.mark.parametrize("error", [None, ConnectionResetError()])
async def test_a_lost_connection_tells_whether_an_answer_had_begun(began: bytes, error: Exception | None) -> None:
    connection, _ = wired()
    answer = connection.exchange("GET", b"request")
    if began:
        connection.data_received(began)
    connection.connection_lost(error)
    with pytest.raises(ConnectionFailed) as caught:
        await answer
    assert (caught.value.sent, caught.value.answered) == (True, bool(began))


@pytest.mark.parametrize("began", [b"", b"HTTP/1.1 200 OK\r\n"])
async def test_the_end_of_the_stream_tells_whether_an_answer_had_begun(began: bytes) -> None:
    connection, _ = wired()
    answer = connection.exchange("GET", b"request")
    if began:
        connection.data_received(began)
    connection.eof_received()
    with pytest.raises(ConnectionFailed) as caught:
        await answer
    assert caught.value.answered == bool(began)


async def test_the_end_of_the_stream_ends_a_reply_without_a_length() -> None:
    connection, _ = wired()
    answer = connection.exchange("GET", b"request")
    connection.data_received(b"HTTP/1.1 200 OK\r\n\r\nok")
    connection.eof_received()
    assert (await answer).body == b"ok"
    assert not connection.reusable


async def test_bytes_that_nobody_asked_for_close_the_connection() -> None:
    connection, wire = wired()
    connection.data_received(OK)
    assert wire.aborted


async def test_garbage_is_told_and_spoils_the_connection() -> None:
    connection, _ = wired()
    answer = connection.exchange("GET", b"request")
    connection.data_received(b"garbage\r\n")
    with pytest.raises(MalformedReply):
        await answer
    assert not connection.reusable


async def test_a_reply_to_a_request_that_was_given_up_is_dropped() -> None:
    connection, _ = wired()
    answer = connection.exchange("GET", b"request")
    answer.cancel()
    connection.data_received(OK)
    assert answer.cancelled()


async def test_the_end_of_an_idle_connection_disturbs_nobody() -> None:
    lost: list[Connection] = []
    connection, _ = wired(lost.append)
    connection.eof_received()
    connection.connection_lost(None)
    assert lost == [connection]
    assert connection.closed.done()
