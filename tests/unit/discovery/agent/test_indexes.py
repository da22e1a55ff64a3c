"""No change goes unseen: whenever a query's answer changes, so does the index it waits on, and only upwards."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from atoll.discovery import RegistryRefused
from atoll.discovery.agent.reads import Reading, Reads
from atoll.discovery.agent.records import CheckDefinition, Node, Outcome, ServiceDefinition
from atoll.discovery.agent.request import Query
from atoll.discovery.agent.state import Catalogue

NAMES = ("web", "shop")
IDS = st.sampled_from(["a", "b", "c"])
CHECKS = st.sampled_from(["x", "y", "z"])
STATUSES = st.sampled_from(["passing", "warning", "critical"])
NODE = Node(id="n", name="node", address="127.0.0.1", datacenter="dc1")


class Life(RuleBasedStateMachine):
    """Does anything to a catalogue, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.catalogue = Catalogue(start_index=7)
        self.reads = Reads(self.catalogue, NODE)
        self.now = 0.0
        self.seen: dict[str, tuple[int, object]] = {}

    @rule(service_id=IDS, name=st.sampled_from(NAMES), checks=st.lists(CHECKS), tag=st.booleans(), drop=st.booleans())
    def register(self, service_id: str, name: str, checks: list[str], tag: bool, drop: bool) -> None:
        found = tuple(self.check(each) for each in checks)
        wanted = ServiceDefinition(id=service_id, name=name, tags=("t",) if tag else (), checks=found)
        self.catalogue.register_service(wanted, self.now, replace_checks=drop)

    @rule(service_id=IDS)
    def deregister(self, service_id: str) -> None:
        self.attempt(lambda: self.catalogue.deregister_service(service_id))

    @rule(check_id=CHECKS, service_id=IDS | st.just(""))
    def register_check(self, check_id: str, service_id: str) -> None:
        self.attempt(lambda: self.catalogue.register_check(self.check(check_id), service_id, self.now))

    @rule(check_id=CHECKS)
    def deregister_check(self, check_id: str) -> None:
        self.attempt(lambda: self.catalogue.deregister_check(check_id))

    @rule(check_id=CHECKS, status=STATUSES)
    def report(self, check_id: str, status: str) -> None:
        outcome = Outcome(status=status, output="")  # type: ignore[arg-type]
        self.attempt(lambda: self.catalogue.report(check_id, outcome, self.now))

    @rule(service_id=IDS)
    def fail(self, service_id: str) -> None:
        self.catalogue.fail(service_id, "", self.now)

    @rule(seconds=st.floats(0, 100))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.catalogue.sweep(self.now)

    @invariant()
    def every_change_of_an_answer_raises_its_index(self) -> None:
        for key, reading in self.readings().items():
            assert reading.index is not None
            index, answer = reading.index(), without_output(reading.body())
            before, known = self.seen.get(key, (0, None))
            assert index > before or (index == before and answer == known), key
            assert 7 <= index <= self.catalogue.indexes.latest
            self.seen[key] = index, answer

    def readings(self) -> Mapping[str, Reading]:
        found = {"services": self.reads.catalog_services(query()), "any": self.reads.health_state(query("any"))}
        for name in NAMES:
            found[f"health {name}"] = self.reads.health_service(query(name))
            found[f"passing {name}"] = self.reads.health_service(query(name, passing=[""]))
            found[f"catalog {name}"] = self.reads.catalog_service(query(name))
            found[f"checks {name}"] = self.reads.health_checks(query(name))
        return found

    @staticmethod
    def check(check_id: str) -> CheckDefinition:
        return CheckDefinition(id=check_id, name=check_id, kind="ttl", ttl=30.0, deregister_after=90.0)

    @staticmethod
    def attempt(change: Callable[[], object]) -> None:
        with suppress(RegistryRefused):
            change()


def query(argument: str = "", **parameters: list[str]) -> Query:
    return Query(argument=argument, parameters=parameters)


def without_output(answer: object) -> str:
    """A text that does not tell a check's output, which may change unseen."""
    return re.sub(r"output='[^']*'", "", repr(answer))


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=80, stateful_step_count=30)


@given(st.lists(st.sampled_from(NAMES)))
def test_the_index_of_a_service_that_comes_and_goes_never_goes_back(names: list[str]) -> None:
    indexes, last = Catalogue().indexes, 0
    for name in names:
        indexes.change_services(name, gone=bool(last % 2))
        assert indexes.service(name) > last
        last = indexes.service(name)
