"""Which engines get a link, and how services are led through it."""

from __future__ import annotations

from pathlib import Path

import pytest

from atoll.torture import WrongTorture
from atoll.torture.engines import engines, link_for, through, without_password
from atoll.torture.link import Link


class At(Link):
    """A link that is somewhere, without a socket."""

    @property
    def address(self) -> str:
        return "127.0.0.1:9"


@pytest.mark.parametrize(
    ("url", "led"),
    [
        ("nats://10.0.0.1:4222", "nats://127.0.0.1:9"),
        ("amqp://guest:secret@rabbit:5672/shop", "amqp://guest:secret@127.0.0.1:9/shop"),
        ("postgresql://u:p@db/shop_{service}?x=1", "postgresql://u:p@127.0.0.1:9/shop_{service}?x=1"),
    ],
)
def test_only_the_server_of_a_url_is_replaced_by_the_link(url: str, led: str) -> None:
    assert through(url, At("engine", "", 0)) == led


@pytest.mark.parametrize("url", ["sqlite:///data/{service}.db", "memory:"])
def test_an_engine_without_a_server_has_no_link(url: str) -> None:
    assert link_for("database", url) is None


def test_several_servers_are_refused_because_a_link_goes_to_one() -> None:
    with pytest.raises(WrongTorture, match="names several servers"):
        link_for("broker", "nats://a:4222,nats://b:4222")


def test_a_password_is_not_shown() -> None:
    assert without_password("amqp://guest:secret@rabbit:5672/") == "amqp://rabbit:5672/"


async def test_a_broker_of_the_users_is_not_ours_to_kill(tmp_path: Path) -> None:
    async with engines(tmp_path, {"ATOLL_BROKER_URL": "nats://127.0.0.1:1"}, broker="nats") as found:
        assert found.broker is None
        assert found.environ == {"ATOLL_BROKER_URL": f"nats://{found.links['broker'].address}"}
        assert (found.kind("broker", "nats:"), found.kind("database", "sqlite:")) == ("nats", "sqlite")
