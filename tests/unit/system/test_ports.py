"""Ports are free until someone listens."""

from __future__ import annotations

import socket

from atoll.system.ports import LOOPBACK, free_port, is_free


def test_a_free_port_can_be_listened_on() -> None:
    assert is_free(free_port())


def test_a_port_somebody_listens_on_is_not_free() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        assert not is_free(server.getsockname()[1])
