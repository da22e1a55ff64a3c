"""Every process is told where the platform's parts are, unless the user said otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from atoll.core import Settings
from atoll.core.errors import SettingsError
from atoll.gateway import Gateway, Jwt
from atoll.system.environment import Surroundings, environment_for, gateway_for, settings_for
from tests.unit.system.shapes import pair

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


def test_one_database_for_all_services_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"ATOLL_DATABASE_URL must hold \{service\}"):
        settings_for(pair, {"ATOLL_DATABASE_URL": "sqlite:///all.db"})
    assert settings_for(pair, {"ATOLL_DATABASE_URL": "sqlite:///{service}.db"})


def test_a_broker_that_only_one_process_can_reach_is_refused() -> None:
    with pytest.raises(SettingsError, match="ATOLL_BROKER_URL is memory:"):
        settings_for(pair, {"ATOLL_BROKER_URL": "memory:"})


def test_without_settings_of_the_user_there_is_nothing_to_refuse() -> None:
    assert settings_for(pair, {}).drain_seconds == 30.0


def test_the_gateway_expects_the_tokens_that_services_expect() -> None:
    gateway = Gateway(port=80, jwt=Jwt(issuer="a", audience="b"))
    assert gateway_for(gateway, Settings(), None) == gateway
    assert gateway_for(gateway, Settings(issuer="c"), 81) == Gateway(port=81, jwt=Jwt(issuer="c", audience="b"))
    assert gateway_for(Gateway(), Settings(issuer="c"), None) == Gateway()
