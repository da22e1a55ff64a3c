"""Which databases are migrated when a system is started for development, without being asked to."""

from __future__ import annotations

import pytest

from atoll.migrations.local import is_here, may_migrate
from atoll.migrations.migrate import Found
from atoll.storage.versions import Part

PART = Part(name="order", revisions=("0001", "0002"))
EMPTY, BEHIND = (Found(part=PART, noted=frozenset(noted)) for noted in ((), ("0001",)))
REMOTE = "postgresql://shop@db.example.org/shop_order"


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////srv/order.db",
        "postgresql://postgres@127.0.0.1:5432/order",
        "postgresql://localhost/order",
        "postgresql:///order?host=/run/postgresql",
        "postgresql://[::1]/order",
    ],
)
def test_a_file_and_a_server_of_this_machine_are_here(url: str) -> None:
    assert is_here(url)


@pytest.mark.parametrize("url", [REMOTE, "postgresql://10.0.0.5/order", "postgresql:///order?host=localhost,db2"])
def test_another_machines_server_is_not_here(url: str) -> None:
    assert not is_here(url)


def test_an_empty_database_may_be_filled_wherever_it_is() -> None:
    assert may_migrate([EMPTY, EMPTY], REMOTE)


def test_one_that_is_behind_may_be_migrated_only_here() -> None:
    assert may_migrate([BEHIND], "postgresql://localhost/order")
    assert not may_migrate([EMPTY, BEHIND], REMOTE)
