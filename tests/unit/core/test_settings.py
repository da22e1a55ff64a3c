from __future__ import annotations

import contextlib
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.core import Settings, SettingsError

NAMES = (
    "ATOLL_DATABASE_URL",
    "ATOLL_BROKER_URL",
    "ATOLL_REGISTRY_URL",
    "ATOLL_PORT",
    "ATOLL_LOG_FORMAT",
    "ATOLL_LOG_LEVEL",
    "ATOLL_DRAIN_SECONDS",
)


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.read({}) == Settings()


def test_variables_are_read() -> None:
    settings = Settings.read(
        {"ATOLL_BROKER_URL": "nats://127.0.0.1:4222", "ATOLL_PORT": "8080", "ATOLL_DRAIN_SECONDS": "1.5"}
    )
    assert (settings.broker_url, settings.port, settings.drain_seconds) == ("nats://127.0.0.1:4222", 8080, 1.5)


def test_the_database_url_names_the_service() -> None:
    settings = Settings.read({"ATOLL_DATABASE_URL": "sqlite:///data/{service}.db"})
    assert settings.database_for("order") == "sqlite:///data/order.db"


def test_accepted_risks_are_read_as_names() -> None:
    settings = Settings.read({"ATOLL_UNSAFE": "postgres-async-commit, postgres-no-fsync"})
    assert settings.unsafe == {"postgres-async-commit", "postgres-no-fsync"}
    assert Settings.read({}).unsafe == frozenset()


def test_a_services_own_variables_are_kept() -> None:
    assert Settings.read({"CARDNET_URL": "http://127.0.0.1:9"}).environ["CARDNET_URL"] == "http://127.0.0.1:9"


def test_every_wrong_variable_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read(dict.fromkeys(NAMES, "nonsense"))
    assert [problem.split()[0] for problem in caught.value.problems] == [
        "ATOLL_DATABASE_URL",
        "ATOLL_BROKER_URL",
        "ATOLL_REGISTRY_URL",
        "ATOLL_PORT",
        "ATOLL_LOG_FORMAT",
        "ATOLL_LOG_LEVEL",
        "ATOLL_DRAIN_SECONDS",
    ]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ATOLL_BROKER_URL", "kafka://h", "ATOLL_BROKER_URL is 'kafka://h', but must begin with one of nats:"),
        ("ATOLL_REGISTRY_URL", "http://[", "ATOLL_REGISTRY_URL is 'http://[', but must begin with one of"),
        ("ATOLL_LOG_LEVEL", "LOUD", "ATOLL_LOG_LEVEL is 'LOUD', but must be one of DEBUG, INFO, WARNING, ERROR"),
        ("ATOLL_PORT", "99999", "ATOLL_PORT is 99999, but must be from 0 to 65535"),
        ("ATOLL_DRAIN_SECONDS", "nan", "ATOLL_DRAIN_SECONDS is nan, but must be from 0 to 3600"),
        ("ATOLL_PORT", "x", "ATOLL_PORT is 'x', but must be a number"),
    ],
)
def test_the_message_says_what_is_wrong_and_what_is_right(name: str, value: str, told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read({name: value})
    assert str(caught.value).startswith(told)


@given(st.dictionaries(st.sampled_from(NAMES), st.text()))
def test_any_environment_is_read_or_refused_with_settings_error(environ: dict[str, str]) -> None:
    with contextlib.suppress(SettingsError):
        assert isinstance(Settings.read(environ), Settings)


def test_settings_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]
