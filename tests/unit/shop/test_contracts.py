from __future__ import annotations

import inspect

import pytest

from atoll.contracts import Event, Operation, Problem, spec_of
from shop import contracts
from shop.contracts import ALL_EVENTS, CONTRACTS

SPECS = [spec_of(each) for each in CONTRACTS]
OPERATIONS = [operation for spec in SPECS for operation in spec.operations]
PROBLEMS = [each for each in Problem.__subclasses__() if each.__module__.startswith("shop.")]


def test_there_are_twelve_contracts_with_twelve_names() -> None:
    assert len({spec.name for spec in SPECS}) == len(CONTRACTS) == 12


def test_every_contract_module_is_in_the_list() -> None:
    modules = {each.__module__ for each in CONTRACTS}
    exported = {f"{contracts.__name__}.{spec.name}" for spec in SPECS}
    assert modules == exported


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_every_operation_says_what_it_does(operation: Operation) -> None:
    assert operation.doc.strip().endswith(".")


@pytest.mark.parametrize("event", ALL_EVENTS, ids=lambda event: event.__name__)
def test_every_event_is_ordered_by_a_key_and_says_what_happened(event: type[Event]) -> None:
    assert event.event_key in event.__struct_fields__
    assert (inspect.getdoc(event) or "").endswith(".")


@pytest.mark.parametrize("event", ALL_EVENTS, ids=lambda event: event.__name__)
def test_an_events_type_names_the_shop_its_service_and_a_version(event: type[Event]) -> None:
    service = event.__module__.rpartition(".")[2]
    assert event.event_type == f"shop.{service}.{event.__name__}.v1"


def test_no_event_carries_a_secret() -> None:
    fields = {name for event in ALL_EVENTS for name in event.__struct_fields__}
    assert not fields & {"password", "credential", "token", "card"}


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.__name__)
def test_every_problem_says_what_is_wrong_in_a_sentence(problem: type[Problem]) -> None:
    assert 400 <= problem.status < 500
    assert (inspect.getdoc(problem) or "").partition("\n")[0].endswith(".")


def test_public_routes_of_different_services_never_clash() -> None:
    routes = [(each.method, each.path) for each in OPERATIONS if each.public]
    assert len(routes) == len(set(routes))


def test_ledgers_and_what_sagas_call_have_no_route_at_the_gateway() -> None:
    internal = {each.id for each in OPERATIONS if not each.public}
    assert {"inventory.reserve", "payment.charge", "payment.refund", "shipping.book"} <= internal
    assert not [each.id for each in OPERATIONS if each.public and each.path.startswith("/ledger")]


def test_only_what_a_visitor_needs_is_open_without_a_token() -> None:
    assert {each.id for each in OPERATIONS if each.anonymous} == {
        "user.register",
        "auth.new_credential",
        "auth.sign_in",
        "auth.refresh",
        "auth.sign_out",
        "auth.jwks",
        "product.product",
        "inventory.stock",
        "catalog.search",
        "catalog.categories",
        "shipping.quote",
    }


def test_what_costs_a_password_hash_is_limited() -> None:
    limited = {each.id for each in OPERATIONS if each.limit is not None}
    assert {"auth.new_credential", "auth.sign_in", "user.register"} <= limited


def test_stock_and_prices_are_for_admins() -> None:
    roles = {each.id: each.roles for each in OPERATIONS if each.roles}
    assert roles["inventory.restock"] == roles["product.set_price"] == roles["product.add"] == ("admin",)
