"""The catalogue: what registering, reporting, failing and time do to it."""

import pytest

from atoll.discovery import RegistryRefused
from atoll.discovery.agent.records import CheckDefinition, Outcome, ServiceDefinition
from atoll.discovery.agent.state import Catalogue

PASSING, CRITICAL = Outcome(status="passing", output="ok"), Outcome(status="critical", output="down")


def http(check_id: str = "service:web-1", **more: object) -> CheckDefinition:
    return CheckDefinition(id=check_id, name="ready", kind="http", **more)  # type: ignore[arg-type]


def service(service_id: str = "web-1", *checks: CheckDefinition, name: str = "web") -> ServiceDefinition:
    return ServiceDefinition(id=service_id, name=name, checks=checks)


@pytest.fixture
def catalogue() -> Catalogue:
    catalogue = Catalogue()
    catalogue.register_service(service("web-1", http()), 0.0)
    return catalogue


def test_instances_come_in_the_order_of_their_ids(catalogue: Catalogue) -> None:
    for service_id in ("web-3", "web-2"):
        catalogue.register_service(service(service_id), 0.0)
    assert [each.definition.id for each in catalogue.instances("web")] == ["web-1", "web-2", "web-3"]


def test_an_instance_passes_when_all_its_checks_do(catalogue: Catalogue) -> None:
    before = catalogue.is_passing("web-1")
    catalogue.report("service:web-1", PASSING, 1.0)
    assert (before, catalogue.is_passing("web-1")) == (False, True)


def test_a_check_of_the_node_counts_for_every_instance(catalogue: Catalogue) -> None:
    catalogue.report("service:web-1", PASSING, 1.0)
    catalogue.register_check(http("disk"), "", 1.0)
    assert not catalogue.is_passing("web-1")


def test_an_instance_without_checks_passes(catalogue: Catalogue) -> None:
    catalogue.register_service(service("web-2"), 0.0)
    assert catalogue.is_passing("web-2")


def test_registering_anew_begins_the_checks_anew(catalogue: Catalogue) -> None:
    catalogue.report("service:web-1", PASSING, 1.0)
    catalogue.register_service(service("web-1", http()), 2.0)
    assert catalogue.check("service:web-1").status == "critical"


def test_registering_anew_keeps_other_checks(catalogue: Catalogue) -> None:
    catalogue.register_service(service("web-1", http("other")), 1.0)
    assert set(catalogue.checks) == {"service:web-1", "other"}


def test_registering_anew_drops_other_checks_when_asked_to(catalogue: Catalogue) -> None:
    catalogue.register_service(service("web-1", http("other")), 1.0, replace_checks=True)
    assert set(catalogue.checks) == {"other"}


def test_an_id_registered_under_another_name_leaves_the_first(catalogue: Catalogue) -> None:
    catalogue.register_service(service("web-1", name="shop"), 1.0)
    assert (catalogue.instances("web"), set(catalogue.checks)) == ([], set())


def test_deregistering_takes_the_checks_out_too(catalogue: Catalogue) -> None:
    catalogue.deregister_service("web-1")
    assert (dict(catalogue.services), dict(catalogue.checks)) == ({}, {})


def test_deregistering_an_unknown_instance_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(RegistryRefused, match="Unknown service ID 'web-2'") as caught:
        catalogue.deregister_service("web-2")
    assert caught.value.status == 404


def test_a_check_for_an_unknown_instance_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(RegistryRefused, match="Unknown service ID"):
        catalogue.register_check(http("x"), "web-2", 0.0)


def test_new_output_without_a_new_status_is_kept_and_wakes_nobody(catalogue: Catalogue) -> None:
    before = catalogue.indexes.latest
    assert not catalogue.report("service:web-1", CRITICAL, 1.0)
    assert (catalogue.check("service:web-1").output, catalogue.indexes.latest) == ("down", before)


def test_a_ttl_check_without_a_report_in_time_becomes_critical() -> None:
    catalogue = Catalogue()
    ttl = CheckDefinition(id="t", name="t", kind="ttl", ttl=5.0, status="passing")
    catalogue.register_service(service("web-1", ttl), 0.0)
    assert (catalogue.sweep(4.9), catalogue.check("t").status) == ([], "passing")
    assert (len(catalogue.sweep(5.0)), catalogue.check("t").status) == (1, "critical")


def test_an_overdue_ttl_check_is_told_once() -> None:
    catalogue = Catalogue()
    catalogue.register_check(CheckDefinition(id="t", name="t", kind="ttl", ttl=5.0), "", 0.0)
    assert len(catalogue.sweep(6.0)) == 1
    assert catalogue.sweep(60.0) == []


def test_a_report_gives_a_ttl_check_its_whole_time_again() -> None:
    catalogue = Catalogue()
    catalogue.register_check(CheckDefinition(id="t", name="t", kind="ttl", ttl=5.0), "", 0.0)
    catalogue.report("t", PASSING, 4.0)
    assert (catalogue.sweep(8.9), catalogue.check("t").status) == ([], "passing")


def test_what_is_critical_too_long_is_taken_out() -> None:
    catalogue = Catalogue()
    catalogue.register_service(service("web-1", http(deregister_after=90.0)), 0.0)
    assert (catalogue.sweep(89.9), len(catalogue.sweep(90.0)), dict(catalogue.services)) == ([], 1, {})


def test_nothing_is_taken_out_before_a_minute_has_passed() -> None:
    catalogue = Catalogue()
    catalogue.register_service(service("web-1", http(deregister_after=30.0)), 0.0)
    assert (catalogue.sweep(59.9), len(catalogue.sweep(60.0))) == ([], 1)


def test_passing_once_begins_the_time_to_be_taken_out_anew() -> None:
    catalogue = Catalogue()
    catalogue.register_service(service("web-1", http(deregister_after=60.0)), 0.0)
    catalogue.report("service:web-1", PASSING, 50.0)
    catalogue.report("service:web-1", CRITICAL, 51.0)
    assert (catalogue.sweep(110.0), len(catalogue.sweep(111.0))) == ([], 1)


def test_without_a_time_to_be_taken_out_nothing_is(catalogue: Catalogue) -> None:
    assert catalogue.sweep(1e9) == []


def test_a_failed_instance_is_critical_and_not_probed_again(catalogue: Catalogue) -> None:
    catalogue.report("service:web-1", PASSING, 1.0)
    assert catalogue.fail("web-1", "it was killed", 2.0)
    check = catalogue.check("service:web-1")
    assert (check.status, check.output, catalogue.probes()) == ("critical", "it was killed", {})


def test_a_failed_instance_that_registers_again_is_probed_again(catalogue: Catalogue) -> None:
    catalogue.fail("web-1", "it was killed", 2.0)
    catalogue.register_service(service("web-1", http()), 3.0)
    assert set(catalogue.probes()) == {"service:web-1"}


def test_a_failed_instance_without_checks_is_taken_out(catalogue: Catalogue) -> None:
    catalogue.register_service(service("web-2"), 0.0)
    catalogue.fail("web-2", "it was killed", 2.0)
    assert "web-2" not in catalogue.services


def test_failing_an_unknown_instance_changes_nothing(catalogue: Catalogue) -> None:
    assert not catalogue.fail("web-2", "it was killed", 2.0)
