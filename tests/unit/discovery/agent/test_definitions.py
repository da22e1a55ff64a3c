"""Which registrations are accepted, and as what."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.discovery import RegistryRefused
from atoll.discovery.agent.bodies import fold, read_object
from atoll.discovery.agent.definitions import read_check, read_service, read_update
from atoll.discovery.agent.records import CheckDefinition

HTTP = {"HTTP": "http://127.0.0.1:1/readyz", "Interval": "10s"}
KEYS = ["Name", "ID", "Port", "Tags", "Meta", "Weights", "Check", "Checks", "TaggedAddresses", "HTTP", "TTL"]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.sampled_from(KEYS), SCALARS, max_size=3)


def check_of(value: dict[str, Any]) -> CheckDefinition:
    return read_service({"Name": "web", "Check": value}).checks[0]


def refusal(value: dict[str, Any]) -> str:
    with pytest.raises(RegistryRefused) as caught:
        read_service(value)
    assert caught.value.status == 400
    return caught.value.reason


def test_a_service_without_an_id_has_its_name_as_id() -> None:
    assert read_service({"Name": "web"}).id == "web"


@pytest.mark.parametrize("key", ["EnableTagOverride", "enabletagoverride", "enable_tag_override", "ENABLE_TAGOVERRIDE"])
def test_keys_are_read_without_regard_to_case_and_underscores(key: str) -> None:
    assert read_service({"name": "web", key: True}).enable_tag_override


def test_keys_inside_meta_are_kept_as_they_are() -> None:
    assert read_service({"Name": "web", "Meta": {"Rack_Row": "1"}}).meta == {"Rack_Row": "1"}


def test_null_is_the_same_as_absent() -> None:
    assert read_service({"Name": "web", "Tags": None, "Check": None, "Port": None}).tags == ()


def test_a_single_check_is_called_after_its_service() -> None:
    assert check_of(HTTP).id == "service:web"


def test_several_checks_are_numbered() -> None:
    found = read_service({"Name": "web", "Checks": [HTTP, {"TTL": "5s"}]}).checks
    assert [each.id for each in found] == ["service:web:1", "service:web:2"]


def test_a_check_keeps_an_id_of_its_own() -> None:
    assert check_of(HTTP | {"CheckID": "alive"}).id == "alive"


def test_a_check_begins_critical() -> None:
    assert check_of(HTTP).status == "critical"


def test_a_check_begins_as_it_is_told_to() -> None:
    assert check_of(HTTP | {"Status": "passing"}).status == "passing"


def test_a_check_has_ten_seconds_to_answer_unless_told() -> None:
    assert (check_of(HTTP).timeout, check_of(HTTP | {"Timeout": "3s"}).timeout) == (10, 3)


def test_a_check_runs_once_a_second_at_most() -> None:
    assert check_of(HTTP | {"Interval": "1ms"}).interval == 1


def test_times_may_be_numbers_of_nanoseconds() -> None:
    assert check_of(HTTP | {"Interval": 15_000_000_000}).interval == 15


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        ({"HTTP": "http://x/"}, "Interval must be > 0"),
        ({"Notes": "nothing to check"}, "TTL must be > 0"),
        (HTTP | {"TTL": "5s"}, "cannot both be specified"),
        (HTTP | {"HTTP": "ftp://x/"}, "http:// or https://"),
        (HTTP | {"HTTP": "http://["}, "http:// or https://"),
        ({"TCP": "nowhere", "Interval": "10s"}, "HOST:PORT"),
        ({"TCP": "h:99999", "Interval": "10s"}, "HOST:PORT"),
        (HTTP | {"Status": "fine"}, "Invalid check status"),
        (HTTP | {"Interval": "soon"}, "Interval: invalid duration"),
        ({"Args": ["true"], "Interval": "10s"}, "Args is not supported"),
        ({"GRPC": "h:1", "Interval": "10s"}, "GRPC is not supported"),
    ],
)
def test_a_check_that_cannot_work_is_refused(check: dict[str, Any], reason: str) -> None:
    assert reason in refusal({"Name": "web", "Check": check})


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({}, "Missing service name"),
        ({"Name": "web", "Port": 70000}, "Invalid service port"),
        ({"Name": "web", "Port": "80"}, "Request decode failed"),
        ({"Name": "web", "Address": "0.0.0.0"}, "Invalid service address"),
        ({"Name": "web", "Address": "::"}, "Invalid service address"),
        ({"Name": "web", "Meta": {"a b": "1"}}, "Invalid Service Meta"),
        ({"Name": "web", "Meta": {"a": "1" * 513}}, "Invalid Service Meta"),
        ({"Name": "web", "Meta": {f"k{n}": "" for n in range(65)}}, "Invalid Service Meta"),
        ({"Name": "web", "Weights": {"Passing": 0}}, "Invalid Weights"),
        ({"Name": "web", "Checks": [1]}, "Request decode failed"),
    ],
)
def test_a_service_that_cannot_work_is_refused(value: dict[str, Any], reason: str) -> None:
    assert reason in refusal(value)


def test_a_check_registered_by_itself_needs_a_name() -> None:
    with pytest.raises(RegistryRefused, match="Missing check name"):
        read_check(HTTP)


def test_a_check_registered_by_itself_is_called_by_its_name() -> None:
    check, service_id = read_check(HTTP | {"Name": "alive", "ServiceID": "web"})
    assert (check.id, service_id) == ("alive", "web")


def test_a_report_needs_a_status() -> None:
    with pytest.raises(RegistryRefused, match="Invalid check status"):
        read_update({"Output": "?"})


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"a":' * 100_000])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(RegistryRefused, match="Request decode failed"):
        read_object(body)


@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6))
def test_any_object_is_a_service_or_refused(value: dict[str, Any]) -> None:
    with suppress(RegistryRefused):
        assert read_service(value).name


@given(st.text())
def test_folding_twice_is_folding_once(name: str) -> None:
    assert fold(fold(name)) == fold(name)
