"""A system becomes processes."""

from __future__ import annotations

from pathlib import Path

from atoll.system import Program, StateDirectory, System
from atoll.system.environment import Surroundings
from atoll.system.plans import program_plans, program_urls, service_plans
from atoll.system.wire import Module, Services
from tests.unit.system.shapes import pair

DIRECTORY = StateDirectory(Path("/w/.atoll"), "pair")
AROUND = Surroundings(
    system="pair", data=DIRECTORY.data, broker_url="nats://b", registry_url="consul://r", programs={"X_URL": "http://x"}
)


def test_each_service_is_a_process_with_a_log_of_its_own() -> None:
    plans = service_plans(pair, DIRECTORY, {}, AROUND, single=False)
    assert [(each.key, each.job, each.log.name) for each in plans] == [
        ("stock/0", Services(names=("stock",)), "stock.log"),
        ("desk/0", Services(names=("desk",)), "desk.log"),
    ]


def test_all_services_can_be_one_process() -> None:
    (plan,) = service_plans(pair, DIRECTORY, {}, AROUND, single=True)
    assert (plan.key, plan.job) == ("services/0", Services(names=("stock", "desk")))


def test_replicas_are_processes_with_a_slot_and_a_log_each() -> None:
    plans = service_plans(pair, DIRECTORY, {}, AROUND, replicas={"stock": 2})
    assert [(each.key, each.label, each.log.name, each.environ["ATOLL_INSTANCE"]) for each in plans] == [
        ("stock/1", "stock-1", "stock-1.log", "1"),
        ("stock/2", "stock-2", "stock-2.log", "2"),
        ("desk/0", "desk", "desk.log", "0"),
    ]


def test_replicas_share_a_database() -> None:
    one, two, _ = service_plans(pair, DIRECTORY, {}, AROUND, replicas={"stock": 2})
    assert one.environ["ATOLL_DATABASE_URL"] == two.environ["ATOLL_DATABASE_URL"]


def test_a_service_is_told_what_is_around_it() -> None:
    plan = service_plans(pair, DIRECTORY, {"LANG": "C"}, AROUND, single=False)[0]
    told = {"LANG": "C", "X_URL": "http://x", "ATOLL_BROKER_URL": "nats://b", "ATOLL_INSTANCE": "0"}
    assert told.items() <= plan.environ.items()


def test_a_program_is_a_module_with_a_port() -> None:
    (plan,) = program_plans(pair, DIRECTORY, {"card-net": 99}, {})
    assert (plan.job, plan.port) == (Module(module="cards", args=("--port", "99")), 99)


def test_a_program_that_is_somewhere_else_is_not_started() -> None:
    assert program_plans(pair, DIRECTORY, {}, {}) == []
    assert program_urls(pair.programs, {}, {"CARD_NET_URL": "https://cards"}) == {"CARD_NET_URL": "https://cards"}


def test_a_programs_address_has_its_scheme() -> None:
    mail = Program("mail", module="mail", scheme="smtp")
    system = System("post", services=pair.services, programs=[mail])
    assert program_urls(system.programs, {"mail": 25}, {}) == {"MAIL_URL": "smtp://127.0.0.1:25"}
