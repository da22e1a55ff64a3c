"""Every service has the same files and shares nothing but contracts with the others."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import shop.services
from atoll.contracts import spec_of
from atoll.migrations import read_revisions
from atoll.service import Service
from atoll.service.schema import migrations_of
from shop.contracts import CONTRACTS

SERVICES = Path(shop.services.__file__).parent
NAMES = sorted(spec_of(each).name for each in CONTRACTS)
ALL_VIEWS = {"analytics", "catalog"}
SHARED = {"shop.contracts", "shop.catalogue"}


def imports_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    plain = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    return plain | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def service_of(name: str) -> type[Service]:
    package = __import__(f"shop.services.{name}", fromlist=["__all__"])
    found: type[Service] = getattr(package, package.__all__[0])
    return found


def test_each_contract_has_its_service_and_each_service_its_contract() -> None:
    assert sorted(each.name for each in SERVICES.iterdir() if each.is_dir() and each.name[0] != "_") == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_service_has_rules_tables_and_the_service_itself(name: str) -> None:
    files = {each.name for each in (SERVICES / name).iterdir() if each.suffix == ".py"}
    assert files == {"__init__.py", "domain.py", "store.py", "service.py"}


@pytest.mark.parametrize("name", NAMES)
def test_a_service_shares_only_contracts_with_the_others(name: str) -> None:
    for path in (SERVICES / name).glob("*.py"):
        ours = {each for each in imports_of(path) if each.split(".")[0] == "shop"}
        allowed = (*SHARED, f"shop.services.{name}")
        assert [each for each in ours if not each.startswith(allowed)] == []


@pytest.mark.parametrize("name", NAMES)
def test_rules_are_pure(name: str) -> None:
    forbidden = ("asyncio", "sqlite3", "time", "random", "atoll.storage", "atoll.service", "atoll.saga")
    imported = imports_of(SERVICES / name / "domain.py")
    assert [each for each in imported if each.startswith(forbidden)] == []


@pytest.mark.parametrize("name", NAMES)
def test_only_the_store_writes_sql(name: str) -> None:
    text = (SERVICES / name / "service.py").read_text("utf-8")
    assert not any(verb in text for verb in ("SELECT ", "INSERT ", "UPDATE ", "DELETE FROM"))


@pytest.mark.parametrize("name", NAMES)
def test_a_service_is_named_by_its_contract_and_says_its_version(name: str) -> None:
    service = service_of(name)
    assert (service.name, service.version) == (name, "1.0.0")


@pytest.mark.parametrize("name", sorted({*NAMES} - ALL_VIEWS))
def test_a_services_tables_come_from_its_migrations(name: str) -> None:
    service = service_of(name)
    assert (service.migrations, service.schema) == ("migrations", "")
    assert migrations_of(service) == SERVICES / name / "migrations"
    assert read_revisions(SERVICES / name / "migrations")[0].id == "0001"


@pytest.mark.parametrize("name", sorted(ALL_VIEWS))
def test_a_service_that_keeps_nothing_but_views_has_no_tables_of_its_own(name: str) -> None:
    service = service_of(name)
    assert (service.migrations, service.schema) == ("", "")
    assert service.projections


@pytest.mark.parametrize("name", NAMES)
def test_a_file_can_be_read_in_one_sitting(name: str) -> None:
    lines = {each.name: len(each.read_text("utf-8").splitlines()) for each in (SERVICES / name).glob("*.py")}
    assert max(lines.values()) <= 250
