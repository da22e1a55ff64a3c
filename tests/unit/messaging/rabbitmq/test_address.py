from __future__ import annotations

import pytest

from atoll.messaging import BrokerUnusable
from atoll.messaging.rabbitmq.address import read_address


def test_a_password_is_not_shown() -> None:
    assert read_address("amqp://me:secret@here:5672/shop").place == "amqp://here:5672/shop"


def test_a_server_is_asked_for_a_heartbeat() -> None:
    assert read_address("amqp://here").servers == ("amqp://here?heartbeat=5",)


def test_what_the_url_says_of_the_heartbeat_stays() -> None:
    assert read_address("amqps://here?heartbeat=20&cafile=ca.pem").servers == (
        "amqps://here?heartbeat=20&cafile=ca.pem",
    )


def test_the_servers_of_a_cluster_are_told_apart() -> None:
    address = read_address("amqp://u:p@a:1/v,amqp://u:p@b:2/v")
    assert len(address.servers) == 2
    assert address.place == "amqp://a:1/v,amqp://b:2/v"


@pytest.mark.parametrize("url", ["amqp://", "amqp://here:port", "http://here", "amqp://a:5672,b", "amqp://here:0"])
def test_what_is_no_url_of_a_broker_is_refused_in_one_sentence(url: str) -> None:
    with pytest.raises(BrokerUnusable, match="is not usable; write amqp://user:password@host:port/vhost"):
        read_address(url)


def test_a_refusal_does_not_show_the_password() -> None:
    with pytest.raises(BrokerUnusable) as raised:
        read_address("amqp://me:secret@here:port")
    assert "secret" not in str(raised.value)
