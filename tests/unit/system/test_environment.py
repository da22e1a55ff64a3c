"""Every process is told where the platform's parts are, unless the user said otherwise."""

from __future__ import annotations

from pathlib import Path

from atoll.core import Settings
from atoll.system.environment import Surroundings, environment_for

AROUND = Surroundings(
    system="shop",
    data=Path("/w/.atoll/shop/data"),
    broker_url="nats://127.0.0.1:4000",
    registry_url="consul://127.0.0.1:8500",
    issuer="https://shop",
    audience="shop",
    programs={"CARDNET_URL": "http://127.0.0.1:5000"},
)


def settings(**user: str) -> Settings:
    return Settings.read(environment_for(user, AROUND, instance=2))


def test_each_service_has_a_database_of_its_own() -> None:
    assert settings().database_for("order") == "sqlite:////w/.atoll/shop/data/order.db"


def test_the_platforms_parts_are_told() -> None:
    assert settings().broker_url == "nats://127.0.0.1:4000"
    assert settings().registry_url == "consul://127.0.0.1:8500"
    assert (settings().issuer, settings().audience) == ("https://shop", "shop")


def test_a_program_is_told_by_its_variable() -> None:
    assert settings().environ["CARDNET_URL"] == "http://127.0.0.1:5000"


def test_what_the_user_set_wins() -> None:
    chosen = settings(ATOLL_DATABASE_URL="sqlite:///elsewhere.db", CARDNET_URL="https://cards")
    assert chosen.database_url == "sqlite:///elsewhere.db"
    assert chosen.environ["CARDNET_URL"] == "https://cards"


def test_who_a_process_is_cannot_be_set_for_all() -> None:
    chosen = settings(ATOLL_SYSTEM="other", ATOLL_INSTANCE="9", ATOLL_PORT="80")
    assert (chosen.system, chosen.instance, chosen.port) == ("shop", "2", 0)


def test_the_rest_of_the_environment_is_passed_on() -> None:
    assert settings(LANG="C").environ["LANG"] == "C"
